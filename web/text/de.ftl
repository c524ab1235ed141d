# All words of the pages in German, in the order of the areas of the site.
# `$count` is a number, and `$name` is a name or a text that somebody has typed.

## The frame of all pages

site-name = Chatty
skip-link = Zum Inhalt
nav-label = Hauptmenü
nav-home = Start
nav-search = Suche
nav-discover = Entdecken
nav-new = Neuer Beitrag
nav-activity = Aktivität
nav-saved = Gemerkt
nav-profile = Profil
nav-settings = Einstellungen
nav-moderation = Moderation
nav-appearance = Sprache und Farben
nav-keys = Tastatur
nav-signin = Login
nav-signup = Beitreten
nav-signout = Ausloggen
nav-menu-name = Menü von @{ $name }
curl-title = Dasselbe mit curl
curl-text = Diese Seite ist aus diesen Aufrufen der API entstanden. Du kannst sie auch selbst machen.
foot-sentence = Chatty: Menschen und ihre Worte, sonst nichts
offline-sentence = Du bist offline. Was du schreibst, bleibt hier, bis das Netz wieder da ist.
pager-label = Seiten
pager-next = Mehr zeigen
form-optional = freiwillig
form-cancel = Abbrechen
form-away = Ein Teil von Chatty antwortet gerade nicht. Was du geschrieben hast, ist noch da. Bitte versuche es in einer Minute noch einmal.
form-look = Bitte sieh dir die markierten Felder an.
form-wait =
    { $count ->
        [one] Versuche es in { $count } Minute noch einmal.
       *[other] Versuche es in { $count } Minuten noch einmal.
    }

## Times

moment-now = gerade eben
moment-minutes =
    { $count ->
        [one] vor { $count } Minute
       *[other] vor { $count } Minuten
    }
moment-hours =
    { $count ->
        [one] vor { $count } Stunde
       *[other] vor { $count } Stunden
    }
moment-days =
    { $count ->
        [one] vor { $count } Tag
       *[other] vor { $count } Tagen
    }

## What the open page says by itself

live-news =
    { $count ->
        [one] { $count } neuer Beitrag
       *[other] { $count } neue Beiträge
    }
live-failed = Das hat nicht geklappt. Bitte versuche es noch einmal.
live-online = Du bist wieder online.
live-slow = Das dauert länger als sonst. Bitte warte einen Moment.
live-expired = Du wurdest ausgeloggt. Bitte logge dich wieder ein.
live-notified = In deiner Aktivität gibt es etwas Neues.
live-stopped = Das Hochladen wurde abgebrochen.
live-progress = Hochladen

## The welcome page

welcome-title = Ein ruhiger Ort, um mit Menschen zu reden
welcome-description = Chatty ist ein kleines soziales Netzwerk: Beiträge, Bilder und Gespräche, in der Reihenfolge, in der sie entstehen.
welcome-lead = Chatty zeigt dir, was die Menschen schreiben, denen du folgst, das Neueste zuerst. Nichts wird vor dir versteckt, und nichts wird dir aufgedrängt.
welcome-signup = Konto anlegen
welcome-signin = Einloggen
welcome-invite = Du brauchst eine Einladung. Wer schon hier ist, kann dir eine schicken.
welcome-approval = Ein Mensch liest jede Anfrage, bevor ein Konto freigegeben wird.
welcome-closed = Zurzeit kann man kein neues Konto anlegen. Mitlesen kannst du gern.
welcome-feed-title = Der Reihe nach
welcome-feed-text = Auf deiner Startseite steht, was du lesen möchtest, in der Reihenfolge, in der es geschrieben wurde.
welcome-reasons-title = Mit Begründung
welcome-reasons-text = Bei jeder Empfehlung steht, warum du sie siehst, zum Beispiel weil der Beitrag Menschen mit ähnlichem Geschmack gefällt.
welcome-yours-title = Deins
welcome-yours-text = Alles, was du geschrieben hast, kannst du jederzeit mitnehmen oder löschen.
welcome-newest = Neueste Beiträge
welcome-empty-title = Noch hat niemand etwas geschrieben
welcome-empty-text = Lege ein Konto an und mach den Anfang.
welcome-demo-title = Hier ist es sehr still
welcome-demo-text = Dieses Chatty ist neu. Wenn du dich umsehen willst, füllst du es mit diesem Befehl mit Menschen, Beiträgen und Bildern:
join-title = Rede mit
join-text = Mit einem Konto kannst du zeigen, was dir gefällt, kommentieren und den Menschen folgen, deren Beiträge du lesen möchtest.

## Signing up

signup-title = Konto anlegen
signup-lead = Das dauert eine Minute. Wir schicken dir eine Mail, um deine Adresse zu prüfen.
signup-closed = Zurzeit kann man kein neues Konto anlegen. Bitte komm später wieder.
signup-look-around = Ohne Konto umsehen
signup-invitation = Einladung
signup-invitation-hint = Der Code aus der Einladung, die du bekommen hast.
signup-username = Benutzername
signup-username-hint = 3 bis 32 Buchstaben, Ziffern, Punkte, Bindestriche oder Unterstriche. Unter diesem Namen können dich andere erwähnen.
signup-email = E-Mail-Adresse
signup-email-hint = Außer dir sieht sie niemand.
signup-password = Passwort
signup-password-hint = Mindestens 8 Zeichen. Ein kurzer Satz ist leicht zu merken und schwer zu erraten.
signup-first-name = Vorname
signup-last-name = Nachname
signup-application = Warum möchtest du mitmachen?
signup-application-hint = Das liest ein Mensch, bevor dein Konto freigegeben wird.
signup-button = Konto anlegen
signup-have = Hast du schon ein Konto?
mail-title = Schau in deine Mails
mail-text = Wir haben dir einen Link geschickt. Öffne ihn, um deine Adresse zu bestätigen. Dann ist dein Konto bereit.
mail-mailbox = Postfach öffnen
mail-mailbox-hint = Dieses Chatty verschickt keine echten Mails: Sie kommen alle in diesem Postfach an.
mail-again-title = Ist nichts angekommen?
mail-again-text = Schau zuerst in den Spam-Ordner. Wir können die Mail auch noch einmal schicken.
mail-email = E-Mail-Adresse
mail-again-button = Noch einmal senden
mail-done = Ist deine Adresse bestätigt?

## Signing in

signin-title = Einloggen
signin-username = Benutzername
signin-password = Passwort
signin-button = Einloggen
signin-forgotten = Ich habe mein Passwort vergessen
signin-new = Bist du neu hier?
code-title = Gib deinen Code ein
code-text = Dein Passwort stimmt. Jetzt brauchen wir noch den Code aus deiner App.
code-label = Code
code-hint = Sechs Ziffern aus deiner App oder einer deiner Ersatzcodes.
code-button = Einloggen
code-back = Neu beginnen
reset-title = Neues Passwort setzen
reset-text = Nenne uns die E-Mail-Adresse deines Kontos, dann schicken wir dir einen Link.
reset-email = E-Mail-Adresse
reset-button = Link senden
reset-sent-title = Schau in deine Mails
reset-sent-text = Wenn es ein Konto mit dieser Adresse gibt, ist ein Link für ein neues Passwort unterwegs.
reset-back = Zurück zum Login
reset-password-title = Wähle ein neues Passwort
reset-password-text = Auf allen Geräten, auf denen du eingeloggt bist, musst du dich danach neu einloggen.
reset-password-label = Neues Passwort
reset-password-hint = Mindestens 8 Zeichen. Ein kurzer Satz ist leicht zu merken und schwer zu erraten.
reset-password-button = Passwort setzen

## The pages behind the links in mails

link-reject-button = Nein, das war ich nicht
link-verify-title = Bestätige deine Adresse
link-verify-text = Jemand hat mit deiner Adresse das Konto { $name } angelegt. Warst du das?
link-verify-button = Ja, Adresse bestätigen
link-verify-known = Deine Adresse ist schon bestätigt
link-verify-known-text = Für { $name } gibt es hier nichts mehr zu tun.
link-verify-done = Deine Adresse ist bestätigt
link-verify-then = Willkommen bei Chatty. Du kannst dich jetzt einloggen.
link-verify-waits = Jetzt entscheidet die Administration über deine Anfrage, und du bekommst eine Mail.
link-verify-over = So ein Link gilt einen Tag. Er endet auch, wenn ein anderes Konto die Adresse bestätigt oder wenn jemand die Registrierung zurücknimmt.
link-verify-again = Neuen Link holen
link-reject-done = Das Konto ist weg
link-reject-then = Mit deiner Adresse geschieht sonst nichts.
link-reset-over = So ein Link gilt eine halbe Stunde und für ein einziges neues Passwort. Lass dir einen neuen schicken.
link-reset-again = Neuen Link holen
link-email-confirm-title = Bestätige deine neue Adresse
# $name is the address.
link-email-confirm-text = Von da an gehört { $name } zu deinem Konto, und alle Mails gehen dorthin.
link-email-confirm-button = Adresse verwenden
link-email-confirm-done = Deine neue Adresse ist bestätigt
link-email-confirm-then = Alle Mails gehen jetzt dorthin.
link-email-confirm-over = So ein Link gilt einen Tag und nur einmal. In den Einstellungen siehst du die Adresse deines Kontos und kannst sie noch einmal ändern.
link-email-confirm-again = Zu den Einstellungen
link-email-undo-title = Behalte deine alte Adresse
# $name is the address.
link-email-undo-text = Jemand hat die Adresse deines Kontos geändert. Wenn du das nicht warst, hol { $name } hier zurück. Danach sind alle Geräte ausgeloggt.
link-email-undo-button = Alte Adresse behalten
link-email-undo-done = Deine alte Adresse ist wieder da
link-email-undo-then = Alle Geräte sind ausgeloggt. Setze jetzt ein neues Passwort: Ein Link dafür ist in deinen Mails.
link-email-undo-over = So ein Link gilt eine Woche und nur einmal. Wenn jemand anders dein Konto hat, setze zuerst ein neues Passwort.
link-email-undo-again = Neues Passwort setzen
link-digest-title = Keine Zusammenfassungen mehr per Mail
link-digest-text = Du bekommst keine Mails mehr darüber, was du verpasst hast. In den Einstellungen kannst du sie wieder einschalten.
link-digest-button = Mails abschalten
link-digest-done = Die Mails sind abgeschaltet
link-digest-then = In den Einstellungen kannst du sie wieder einschalten.
link-digest-over = Die Adresse dieser Seite ist nicht vollständig. Du kannst die Mails auch in den Einstellungen abschalten.
link-digest-again = Zu den Einstellungen
link-over = Dieser Link geht nicht mehr

## The feed

home-title = Start
home-prompt = Was möchtest du sagen?
home-nobody-title = Deine Startseite wartet auf Menschen
home-nobody-text = Folge ein paar Menschen. Was sie schreiben, erscheint hier, das Neueste zuerst.
home-empty-title = Hier ist es still
home-empty-text = Die Menschen, denen du folgst, haben noch nichts geschrieben. Du könntest anfangen.
home-empty-discover = Umsehen
home-empty-new = Beitrag schreiben
home-suggestions = Wem du folgen könntest

## A post

post-like = Gefällt mir
post-like-signed-out = Einloggen und zeigen, dass dir das gefällt
post-comments = Kommentare
post-views = Aufrufe
post-save = Merken
post-likes-said =
    { $count ->
        [one] Gefällt { $count } Person.
       *[other] Gefällt { $count } Personen.
    }
post-saved-said = Gemerkt.
post-edited = bearbeitet
post-read-on = Weiterlesen
post-picture = Bild ohne Beschreibung
post-more = Mehr zu diesem Beitrag
post-edit = Bearbeiten
post-delete = Löschen
post-delete-question = Der Beitrag und alle seine Kommentare verschwinden für alle.
post-delete-yes = Beitrag löschen
post-report = Melden
compose-title = Beitrag schreiben
compose-edit-title = Beitrag bearbeiten
compose-heading = Titel
compose-text = Text
compose-text-hint = Mit @ erwähnst du Menschen, mit # nennst du Themen.
compose-picture = Bild
compose-picture-choose = Bild auswählen
compose-picture-remove = Bild entfernen
compose-alt = Was zeigt das Bild?
compose-alt-hint = Ein Satz für Menschen, die es nicht sehen können.
compose-button = Absenden
compose-edit-button = Speichern
picture-rule = PNG, JPEG, WebP oder GIF, höchstens 5 MB und höchstens 4096 Pixel breit oder hoch.
picture-refused = Diese Datei geht nicht. Bitte wähle eine andere.

## Comments

comments-title = Kommentare
comments-none = Noch hat niemand kommentiert.
comments-signin-link = Logge dich ein
comments-signin = und schreibe einen Kommentar.
comment-label = Dein Kommentar
comment-label-answer = Deine Antwort
comment-button = Senden
comment-answer = Antworten
comment-edit = Bearbeiten
comment-delete = Löschen
comment-delete-question = Der Kommentar verschwindet für alle.
comment-delete-yes = Kommentar löschen
comment-report = Melden
comment-gone = Dieser Kommentar wurde gelöscht.
comment-answering = Du antwortest { $name }
comment-answering-not = Stattdessen den Beitrag kommentieren
edit-comment-title = Kommentar bearbeiten
edit-comment-text = Text
edit-comment-button = Speichern

## People

person-erased = Ehemaliges Mitglied
person-follow = Folgen
person-follow-name = { $name } folgen
person-following = Folge ich
person-following-name = { $name } folge ich
person-unfollow = Nicht mehr folgen
person-followed-said = Du folgst { $name }.
person-unfollowed-said = Du folgst { $name } nicht mehr.
profile-edit = Profil bearbeiten
profile-more-name = Mehr zu @{ $name }
profile-mute = Ausblenden
profile-unmute = Einblenden
profile-block = Blockieren
profile-unblock = Freigeben
profile-block-question = Ihr seht einander nicht mehr, und ihr könnt einander nicht mehr folgen.
profile-report = Melden
profile-followers =
    { $count ->
        [one] { $count } Follower
       *[other] { $count } Follower
    }
profile-following =
    { $count ->
        [one] folgt { $count } Person
       *[other] folgt { $count } Personen
    }
profile-joined = Beigetreten
profile-muted = Du hast diese Person ausgeblendet. Ihre Beiträge erscheinen nicht auf deiner Startseite.
profile-blocked = Du hast diese Person blockiert. Ihr seht einander nicht.
profile-posts = Beiträge
profile-empty-title = Noch keine Beiträge
profile-empty-text = Was diese Person schreibt, erscheint hier.
profile-empty-own-title = Du hast noch nichts geschrieben
profile-empty-own-text = Ein erster Beitrag kann kurz sein. Sag einfach Hallo.
profile-empty-own-button = Ersten Beitrag schreiben
people-followed-by = Wem { $name } folgt
people-followers-of = Wer { $name } folgt
people-label = Listen
people-followers = Follower
people-following = Folgt
people-no-followers = Noch folgt niemand dieser Person
people-no-following = Diese Person folgt noch niemandem
people-empty-text = Das kann sich jederzeit ändern.
people-total =
    { $count ->
        [one] { $count } Person
       *[other] { $count } Personen
    }
feed-atom = Feed

## Finding

search-title = Suche
search-title-of = Suche nach { $name }
search-label = Nach Menschen und Beiträgen suchen
search-placeholder = Menschen, Beiträge, Themen
search-button = Suchen
search-no-words = Bitte gib ein Wort oder einen Namen ein.
search-start-title = Finde Menschen und Beiträge
search-start-text = Gib einen Namen, ein Wort oder ein Thema wie #garten ein.
search-nothing-title = Zu „{ $name }“ wurde nichts gefunden
search-nothing-text = Versuche es mit einem kürzeren Wort, oder prüfe, ob es richtig geschrieben ist.
search-people = Menschen
search-posts = Beiträge
tag-empty-title = Darüber hat noch niemand geschrieben
tag-empty-text = Du könntest den ersten Beitrag zu diesem Thema schreiben.
tag-empty-search = Stattdessen nach dem Wort suchen
discover-title = Entdecken
discover-lead = Beiträge und Menschen für dich. Überall steht dabei, warum du sie siehst.
discover-people = Menschen mit ähnlichem Geschmack
discover-posts = Was dir gefallen könnte
discover-empty-title = Noch gibt es nichts zu empfehlen
discover-empty-text = Markiere ein paar Beiträge, die dir gefallen. Dann sehen wir, wer einen ähnlichen Geschmack hat, und zeigen dir, was diesen Menschen gefällt.
discover-empty-search = Beiträge suchen
discover-shared =
    { $count ->
        [one] { $count } Beitrag gefällt euch beiden
       *[other] { $count } Beiträge gefallen euch beiden
    }
discover-popular = Dieser Beitrag gefällt vielen
discover-because =
    { $count ->
        [one] Weil { $count } Beitrag dir und auch { $name } gefällt
       *[other] Weil { $count } Beiträge dir und auch { $name } gefallen
    }
discover-because-people =
    { $count ->
        [one] Weil er { $count } Person mit ähnlichem Geschmack gefällt
       *[other] Weil er { $count } Personen mit ähnlichem Geschmack gefällt
    }
saved-title = Gemerkt
saved-lead = Nur du siehst, was du dir merkst.
saved-empty-title = Du hast dir noch nichts gemerkt
saved-empty-text = Drücke auf das Lesezeichen unter einem Beitrag, um ihn hier wiederzufinden.
saved-empty-button = Zur Startseite

## Activity

activity-title = Aktivität
activity-label = Was du sehen möchtest
activity-all = Alles
activity-new = Neu
activity-read = Alles gelesen
activity-unread = Neu
activity-empty-title = Noch ist nichts passiert
activity-empty-text = Wenn dir jemand folgt, dir antwortet oder etwas von dir mag, liest du es hier.
activity-no-new-title = Du hast alles gelesen
activity-no-new-text = Neues erscheint hier.
activity-follow =
    { $count ->
        [0] { $name } folgt dir
        [one] { $name } und { $count } weitere Person folgen dir
       *[other] { $name } und { $count } weitere folgen dir
    }
activity-like =
    { $count ->
        [0] { $name } gefällt dein Beitrag
        [one] { $name } und { $count } weiteren Person gefällt dein Beitrag
       *[other] { $name } und { $count } weiteren gefällt dein Beitrag
    }
activity-comment = { $name } hat deinen Beitrag kommentiert
activity-answer = { $name } hat in einem Gespräch von dir geantwortet
activity-mention = { $name } hat dich erwähnt
activity-warning = Die Moderation hat dir eine Verwarnung geschickt
activity-report-acted = Danke. Die Moderation hat nach deiner Meldung eingegriffen
activity-report-dismissed = Die Moderation hat deine Meldung geprüft und keinen Verstoß gegen die Regeln gefunden

## Reports

report-title = Melden
report-post = Du meldest einen Beitrag. Die Moderation sieht ihn sich an.
report-comment = Du meldest einen Kommentar. Die Moderation sieht ihn sich an.
report-user = Du meldest eine Person. Die Moderation sieht sich das an.
report-reason = Was stimmt nicht?
report-reason-spam = Es ist Werbung oder Spam
report-reason-harassment = Es belästigt jemanden
report-reason-hate = Es verbreitet Hass
report-reason-violence = Es droht mit Gewalt oder verherrlicht sie
report-reason-nudity = Es zeigt Nacktheit
report-reason-illegal = Es verstößt gegen das Gesetz
report-reason-misinformation = Es ist falsch und richtet Schaden an
report-reason-other = Etwas anderes
report-text = Was sollten wir wissen?
report-text-hint = Die gemeldete Person erfährt nicht, wer du bist.
report-button = Meldung senden

## Failures

error-missing = Hier ist nichts
error-too-fast = Das war zu schnell
error-ours = Bei uns ist etwas schiefgegangen
error-refused = Das hat nicht geklappt
error-retry =
    { $count ->
        [one] Bitte komm in { $count } Sekunde wieder.
       *[other] Bitte komm in { $count } Sekunden wieder.
    }
error-back = Noch einmal versuchen
error-home = Zur Startseite
error-request = Wenn du jemanden um Hilfe bittest, nenne diese Nummer:

## The keyboard

keys-title = Tastatur
keys-lead = Hier geht alles auch ohne Maus.
keys-reading = Lesen
keys-next = Der nächste Beitrag oder Kommentar
keys-previous = Der davor
keys-like = Gefällt mir
keys-answer = Antworten
keys-going = Wechseln
keys-new = Beitrag schreiben
keys-search = Suchen
keys-home = Zur Startseite
keys-activity = Zu deiner Aktivität
keys-discover = Zum Entdecken
keys-saved = Zum Gemerkten
keys-escape = Ein Feld oder ein Menü verlassen
keys-help = Diese Seite
keys-typing = Während du schreibst, sind diese Tasten einfach Buchstaben. Zwei Tasten drückst du nacheinander.
keys-switch = Diese Tasten in diesem Browser verwenden

## Settings

settings-title = Einstellungen
settings-label = Einstellungen
settings-profile = Profil
settings-account = Konto
settings-sessions = Geräte
settings-two-factor = Zwei Schritte
settings-appearance = Aussehen
settings-people = Menschen
settings-export = Deine Daten
settings-save = Speichern
settings-avatar-title = Bild
settings-avatar-now = Dein Bild
settings-avatar-label = Ein neues Bild
settings-avatar-hint = PNG, JPEG, WebP oder GIF, höchstens 5 MB. Es wird als Kreis gezeigt.
settings-avatar-button = Bild verwenden
settings-avatar-remove = Bild entfernen
settings-words-title = Deine Angaben
settings-bio = Über dich
settings-bio-hint = Höchstens 500 Zeichen. Alle können es lesen.
settings-account-title = Konto
settings-email-title = E-Mail-Adresse
settings-email-now = Deine Adresse ist
settings-email-new = Neue Adresse
settings-email-hint = Wir schicken einen Link dorthin. Bis du ihn öffnest, ändert sich nichts.
settings-email-button = Adresse ändern
settings-password-title = Passwort
settings-password-text = Wenn du es änderst, werden alle deine anderen Geräte ausgeloggt.
settings-password-current = Dein jetziges Passwort
settings-password-new = Neues Passwort
settings-password-button = Passwort ändern
settings-digest-title = Mails
settings-digest-label = Ab und zu eine Mail darüber bekommen, was ich verpasst habe
settings-leave-title = Konto löschen
settings-leave-lead = Alles, was du geschrieben hast, verschwindet mit.
settings-leave-link = Mein Konto löschen
settings-sessions-title = Geräte
settings-sessions-text = Auf diesen Geräten bist du eingeloggt. Beende, was du nicht kennst, und ändere danach dein Passwort.
settings-sessions-unknown = Unbekanntes Gerät
settings-sessions-current = Dieses Gerät
settings-sessions-used = zuletzt benutzt
settings-sessions-started = eingeloggt
settings-sessions-end = Beenden
settings-sessions-end-others = Alle anderen beenden
settings-two-factor-title = Einloggen in zwei Schritten
settings-appearance-title = Aussehen
settings-people-title = Menschen
settings-kinds-title = Aktivität
settings-kinds-text = Sag mir, wenn jemand
settings-kind-follow = mir folgt
settings-kind-like = einen Beitrag von mir mag
settings-kind-comment = einen Beitrag von mir kommentiert
settings-kind-answer = in einem Gespräch von mir antwortet
settings-kind-mention = mich erwähnt
settings-muted-title = Ausgeblendet
settings-muted-text = Du siehst ihre Beiträge nicht auf deiner Startseite. Sie wissen nichts davon.
settings-muted-none = Du hast niemanden ausgeblendet.
settings-unmute = Einblenden
settings-blocked-title = Blockiert
settings-blocked-text = Du und diese Menschen, ihr seht einander nicht.
settings-blocked-none = Du hast niemanden blockiert.
settings-unblock = Freigeben
settings-export-title = Deine Daten
two-factor-codes-title = Deine Ersatzcodes
two-factor-codes-text = Bewahre sie an einem sicheren Ort auf. Jeder gilt einmal, wenn du deine App nicht zur Hand hast. Sie werden nur jetzt gezeigt.
two-factor-codes-done = Sind aufbewahrt
two-factor-enrol-title = Verbinde deine App
two-factor-enrol-scan = Öffne deine App für Codes und lass sie dieses Bild lesen.
two-factor-enrol-picture = QR-Code für deine App
two-factor-enrol-open = App auf diesem Gerät öffnen
two-factor-enrol-type = Oder gib das in der App ein:
two-factor-enrol-code = Der Code, den die App zeigt
two-factor-enrol-button = Einschalten
two-factor-off-title = Schütze dein Konto
two-factor-off-text = Mit einem zweiten Schritt kann sich niemand einloggen, der nur dein Passwort kennt. Du brauchst eine App für Codes auf deinem Telefon.
two-factor-begin-button = Einrichten
two-factor-on-title = Der zweite Schritt
two-factor-on = An
two-factor-on-app = Du loggst dich mit deinem Passwort und einem Code aus deiner App ein.
two-factor-on-other = Du loggst dich mit deinem Passwort und einem zweiten Schritt ein.
two-factor-codes-left =
    { $count ->
        [one] Du hast noch { $count } Ersatzcode.
       *[other] Du hast noch { $count } Ersatzcodes.
    }
two-factor-renew-title = Neue Ersatzcodes
two-factor-renew-text = Die alten Codes gelten dann nicht mehr.
two-factor-renew-button = Neue Codes
two-factor-remove-title = Zweiten Schritt ausschalten
two-factor-remove-text = Von da an genügt dein Passwort zum Einloggen.
two-factor-remove-button = Ausschalten
appearance-theme = Farben
appearance-auto = Wie das Gerät
appearance-light = Hell
appearance-dark = Dunkel
appearance-language = Sprache
appearance-language-browser = Wie der Browser
export-text = Du kannst alles mitnehmen, was Chatty über dich weiß: dein Konto, deine Beiträge mit ihren Bildern, deine Kommentare, deine Likes und wem du folgst. Es ist eine einzige Datei in offenen Formaten.
export-button = Daten sammeln
export-working = Wir sammeln deine Daten. Du kannst diese Seite verlassen und wiederkommen.
export-look = Noch mal nachsehen
export-ready = Deine Daten sind bereit.
export-download = Datei herunterladen
leave-text = Dein Konto, deine Beiträge, deine Bilder und deine Kommentare werden endgültig gelöscht. Niemand kann sie zurückholen.
leave-export = Vielleicht möchtest du eine Kopie behalten.
leave-export-link = Sammle zuerst deine Daten
leave-button = Konto endgültig löschen

## Moderation

moderation-title = Moderation
moderation-label = Moderation
moderation-numbers = Zahlen
moderation-reports = Meldungen
moderation-people = Personen
moderation-removed = Entfernt
moderation-audit = Protokoll
moderation-total-users = Personen
moderation-active-users = Aktive Personen
moderation-blocked-users = Gesperrte Personen
moderation-users-last-24h = Neue Personen in 24 Stunden
moderation-total-posts = Beiträge
moderation-posts-last-24h = Neue Beiträge in 24 Stunden
moderation-total-comments = Kommentare
moderation-total-likes = Likes
moderation-reports-title = Meldungen
moderation-action-resolve = Auf andere Weise erledigt
moderation-action-dismiss = Kein Verstoß gegen die Regeln
moderation-action-remove = Entfernt
moderation-action-block = Die Person wurde gesperrt
moderation-action-warn = Die Person wurde verwarnt
reports-label = Stand der Meldungen
reports-open = Offen
reports-acted = Eingegriffen
reports-dismissed = Kein Verstoß
reports-empty-title = Nichts zu tun
reports-empty-text = In dieser Liste sind keine Meldungen.
reports-kind-post = Beitrag
reports-kind-comment = Kommentar
reports-kind-user = Person
reports-open-target = Ansehen
reports-count =
    { $count ->
        [one] { $count } Meldung
       *[other] { $count } Meldungen
    }
reports-reason = Grund
reports-reason-hint = Er steht im Protokoll. Wer verwarnt wird, liest ihn, deshalb braucht eine Verwarnung einen.
reports-remove = Entfernen
reports-block = Person sperren
reports-warn = Person verwarnen
reports-resolve = Erledigt
reports-dismiss = Kein Verstoß
reports-reopen = Wieder öffnen
moderation-people-title = Personen
accounts-admin = Admin
accounts-blocked = Gesperrt
accounts-block = Sperren
accounts-block-yes = Person sperren
accounts-unblock = Entsperren
accounts-reason = Grund für das Protokoll
moderation-removed-title = Entfernt
removed-label = Was entfernt wurde
removed-posts = Beiträge
removed-comments = Kommentare
removed-empty-title = Nichts ist entfernt
removed-empty-text = Was die Moderation entfernt, lässt sich hier zurückholen.
removed-restore = Zurückholen
moderation-audit-title = Protokoll
audit-empty-title = Das Protokoll ist leer
audit-empty-text = Jede Entscheidung der Moderation wird hier festgehalten.

## What has just been done

notice-saved = Deine Änderungen sind gespeichert.
notice-signed-out = Du bist ausgeloggt.
notice-mail-sent = Wir haben dir eine Mail geschickt. Bitte öffne den Link darin.
notice-password-changed = Dein Passwort ist geändert. Deine anderen Geräte sind ausgeloggt.
notice-password-set = Dein Passwort ist gesetzt. Du kannst dich jetzt damit einloggen.
notice-session-ended = Erledigt. Dort bist du nicht mehr eingeloggt.
notice-post-deleted = Der Beitrag ist gelöscht.
notice-comment-deleted = Der Kommentar ist gelöscht.
notice-reported = Danke. Die Moderation sieht sich das an.
notice-case-ended = Die Meldung ist abgeschlossen.
notice-case-reopened = Die Meldung ist wieder offen.
notice-restored = Es ist wieder da.
notice-account-blocked = Die Person ist gesperrt.
notice-account-unblocked = Die Person ist entsperrt.

# A part of a page whose service is away.
missing-feed = Deine Startseite kann gerade nicht gezeigt werden. Versuche es gleich noch einmal.
missing-posts = Die Beiträge können gerade nicht gezeigt werden. Versuche es gleich noch einmal.
missing-comments = Die Kommentare können gerade nicht gezeigt werden. Versuche es gleich noch einmal.
missing-recommendations = Empfohlene Beiträge können gerade nicht gezeigt werden. Versuche es gleich noch einmal.
missing-recommendations-people = Menschen mit ähnlichem Geschmack können gerade nicht gezeigt werden. Versuche es gleich noch einmal.
missing-followers = Wer hier folgt, lässt sich gerade nicht zählen.
missing-accounts = Die Konten sind gerade nicht erreichbar. Mit dem Einloggen klappt es vielleicht erst gleich.

# The development mailbox, and the receipt of an erasure.
mailbox-title = Postfach für die Entwicklung
mailbox-lead = Dieses Chatty verschickt keine Mails. Sie kommen alle hier an, für wen sie auch sind.
mailbox-empty-title = Noch keine Mails
mailbox-empty-text = Lege ein Konto an, dann kommt die erste.
mailbox-html = Wie ein Mailprogramm sie zeigt
receipt-title = Deine Daten werden gelöscht
receipt-done-title = Deine Daten sind gelöscht
receipt-text = Das sind die Teile von Chatty und was jeder gelöscht hat. Das Konto wurde gelöscht am
receipt-nothing = nichts zu löschen
receipt-erased = gelöscht
receipt-waits = läuft noch
receipt-later = Jeder Teil sieht in den nächsten Minuten noch einmal nach. Du kannst zu dieser Seite zurückkommen.

# Problems of the API. English has none, because the API says them in English.
problem-invalid_credentials = Name oder Passwort stimmt nicht.
problem-wrong_password = Das Passwort stimmt nicht.
problem-username_taken = Diesen Namen gibt es schon.
problem-account_not_verified = Das Konto ist noch nicht bestätigt. Sieh in deine Mails.
problem-account_awaits_approval = Über deine Aufnahme wird noch entschieden.
problem-account_blocked = Dieses Konto ist gesperrt.
problem-registration_closed = Zurzeit kann sich niemand registrieren.
problem-too_many_tries = Das waren zu viele Versuche.
problem-too_many_requests = Das waren zu viele Anfragen.
problem-not_found = Hier ist nichts.
problem-forbidden = Das ist dir nicht erlaubt.
problem-wrong_code = Der Code stimmt nicht.
problem-bad_code = Der Code stimmt nicht.
problem-invalid_challenge = Das hat zu lange gedauert. Melde dich noch einmal an.
problem-body_too_large = Das ist zu groß.
problem-image_too_large = Das Bild ist zu groß.
problem-not_an_image = Das ist kein Bild in einem der Formate, die hier gehen.
problem-too_many_reports = Das waren zu viele Meldungen.
problem-method_not_allowed = So lässt sich diese Adresse nicht benutzen.
problem-service_unavailable = Dieser Teil von Chatty ist gerade nicht erreichbar.
problem-timeout = Das hat zu lange gedauert.
problem-busy = Gerade ist zu viel los.
problem-starting = Chatty startet gerade.
problem-outcome_unknown = Vielleicht ist es gespeichert, vielleicht nicht. Sieh nach, bevor du es wiederholst.
problem-internal_error = Bei uns ist etwas schiefgegangen.

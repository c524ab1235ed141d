# All words of the pages in Russian, in the order of the areas of the site.
# `$count` is a number, and `$name` is a name or a text that somebody has typed.

## The frame of all pages

site-name = Chatty
skip-link = К содержанию
nav-label = Главное меню
nav-home = Главная
nav-search = Поиск
nav-discover = Интересное
nav-new = Новый пост
nav-activity = События
nav-saved = Закладки
nav-profile = Профиль
nav-settings = Настройки
nav-moderation = Модерация
nav-appearance = Язык и цвета
nav-keys = Клавиатура
nav-signin = Войти
nav-signup = Вступить
nav-signout = Выйти
nav-menu-name = Меню @{ $name }
curl-title = То же самое через curl
curl-text = Эта страница собрана этими вызовами API. Вы можете сделать их и сами.
foot-sentence = Chatty: люди и их слова, больше ничего
offline-sentence = Вы не в сети. То, что вы пишете, хранится здесь, пока связь не вернётся.
pager-label = Страницы
pager-next = Показать ещё
form-optional = по желанию
form-cancel = Отмена
form-away = Часть Chatty сейчас не отвечает. Всё, что вы ввели, на месте, попробуйте ещё раз через минуту.
form-look = Пожалуйста, проверьте отмеченные поля.
form-wait =
    { $count ->
        [one] Попробуйте ещё раз через { $count } минуту.
        [few] Попробуйте ещё раз через { $count } минуты.
        [many] Попробуйте ещё раз через { $count } минут.
       *[other] Попробуйте ещё раз через { $count } минуты.
    }

## Times

moment-now = только что
moment-minutes =
    { $count ->
        [one] { $count } минуту назад
        [few] { $count } минуты назад
        [many] { $count } минут назад
       *[other] { $count } минуты назад
    }
moment-hours =
    { $count ->
        [one] { $count } час назад
        [few] { $count } часа назад
        [many] { $count } часов назад
       *[other] { $count } часа назад
    }
moment-days =
    { $count ->
        [one] { $count } день назад
        [few] { $count } дня назад
        [many] { $count } дней назад
       *[other] { $count } дня назад
    }

## What the open page says by itself

live-news =
    { $count ->
        [one] { $count } новый пост
        [few] { $count } новых поста
        [many] { $count } новых постов
       *[other] { $count } нового поста
    }
live-failed = Не получилось. Пожалуйста, попробуйте ещё раз.
live-online = Вы снова в сети.
live-slow = Это занимает больше времени, чем обычно. Пожалуйста, подождите немного.
live-expired = Ваш сеанс закончился. Пожалуйста, войдите снова.
live-notified = В ваших событиях есть что-то новое.
live-stopped = Загрузка остановлена.
live-progress = Загрузка

## The welcome page

welcome-title = Тихое место, чтобы говорить с людьми
welcome-description = Chatty — небольшая социальная сеть: посты, картинки и разговоры в том порядке, в котором они появляются.
welcome-lead = Chatty показывает, что пишут люди, которых вы читаете, сначала новое. Ничего от вас не прячут, и ничего вам не навязывают.
welcome-signup = Создать аккаунт
welcome-signin = Войти
welcome-invite = Чтобы вступить, нужно приглашение. Его может прислать любой, кто уже здесь.
welcome-approval = Каждую заявку читает человек, и только потом открывается аккаунт.
welcome-closed = Сейчас новые аккаунты не открываются. Но читать можно, и мы вам рады.
welcome-feed-title = По порядку
welcome-feed-text = В вашей ленте то, что вы решили читать, в том порядке, в котором это написано.
welcome-reasons-title = С объяснением
welcome-reasons-text = В каждой рекомендации сказано, почему вы её видите: например, потому что пост нравится людям с похожим вкусом.
welcome-yours-title = Ваше
welcome-yours-text = Всё, что вы пишете, можно в любой момент забрать с собой или удалить.
welcome-newest = Новые посты
welcome-empty-title = Здесь пока ничего нет
welcome-empty-text = Создайте аккаунт и начните.
welcome-demo-title = Здесь очень тихо
welcome-demo-text = Этот Chatty совсем новый. Чтобы осмотреться, наполните его людьми, постами и картинками этой командой:
join-title = Присоединяйтесь к разговору
join-text = С аккаунтом вы можете отмечать то, что нравится, комментировать и читать в своей ленте тех, чьи посты вам интересны.

## Signing up

signup-title = Создать аккаунт
signup-lead = Это займёт минуту. Мы пришлём одно письмо, чтобы проверить ваш адрес.
signup-closed = Сейчас новые аккаунты не открываются. Пожалуйста, зайдите позже.
signup-look-around = Осмотреться без аккаунта
signup-invitation = Приглашение
signup-invitation-hint = Код из приглашения, которое вам прислали.
signup-username = Имя пользователя
signup-username-hint = От 3 до 32 букв, цифр, точек, дефисов или подчёркиваний. По этому имени вас будут упоминать.
signup-email = Адрес электронной почты
signup-email-hint = Его не видит никто, кроме вас.
signup-password = Пароль
signup-password-hint = Не меньше 8 знаков. Короткую фразу легко запомнить и трудно угадать.
signup-first-name = Имя
signup-last-name = Фамилия
signup-application = Почему вы хотите присоединиться?
signup-application-hint = Это прочитает человек, прежде чем откроется ваш аккаунт.
signup-button = Создать аккаунт
signup-have = У вас уже есть аккаунт?
mail-title = Проверьте почту
mail-text = Мы отправили вам ссылку. Откройте её, чтобы подтвердить адрес, и аккаунт готов.
mail-mailbox = Открыть ящик
mail-mailbox-hint = Этот Chatty не отправляет настоящих писем: все они приходят в этот ящик.
mail-again-title = Ничего не пришло?
mail-again-text = Сначала загляните в папку со спамом. Мы можем отправить письмо ещё раз.
mail-email = Адрес электронной почты
mail-again-button = Отправить ещё раз
mail-done = Ваш адрес подтверждён?

## Signing in

signin-title = Вход
signin-username = Имя пользователя
signin-password = Пароль
signin-button = Войти
signin-forgotten = Я не помню пароль
signin-new = Вы здесь впервые?
code-title = Введите код
code-text = Пароль верный. Теперь нужен код из вашего приложения.
code-label = Код
code-hint = Шесть цифр из приложения или один из ваших запасных кодов.
code-button = Войти
code-back = Начать сначала
reset-title = Новый пароль
reset-text = Напишите адрес электронной почты вашего аккаунта, и мы пришлём ссылку.
reset-email = Адрес электронной почты
reset-button = Прислать ссылку
reset-sent-title = Проверьте почту
reset-sent-text = Если есть аккаунт с этим адресом, ссылка для нового пароля уже в пути.
reset-back = Назад ко входу
reset-password-title = Придумайте новый пароль
reset-password-text = На всех устройствах, где открыт ваш аккаунт, нужно будет войти снова.
reset-password-label = Новый пароль
reset-password-hint = Не меньше 8 знаков. Короткую фразу легко запомнить и трудно угадать.
reset-password-button = Сохранить пароль

## The pages behind the links in mails

link-reject-button = Нет, это не я
link-verify-title = Подтвердите адрес
link-verify-text = Кто-то создаёт аккаунт { $name } с вашим адресом. Это вы?
link-verify-button = Да, это мой адрес
link-verify-known = Ваш адрес уже подтверждён
link-verify-known-text = Для { $name } здесь больше ничего делать не нужно.
link-verify-done = Ваш адрес подтверждён
link-verify-then = Добро пожаловать в Chatty. Теперь можно войти.
link-verify-waits = Теперь администрация решает по вашей заявке, и вам придёт письмо.
link-verify-over = Такая ссылка действует один день. Она перестаёт работать и тогда, когда этот адрес подтверждает другой аккаунт или когда регистрацию отменяют.
link-verify-again = Получить новую ссылку
link-reject-done = Аккаунта больше нет
link-reject-then = С вашим адресом больше ничего не происходит.
link-reset-over = Такая ссылка действует полчаса и для одного нового пароля. Попросите новую.
link-reset-again = Получить новую ссылку
link-email-confirm-title = Подтвердите новый адрес
# $name is the address.
link-email-confirm-text = Ваш аккаунт получит адрес { $name }, и все письма будут приходить туда.
link-email-confirm-button = Взять этот адрес
link-email-confirm-done = Ваш новый адрес подтверждён
link-email-confirm-then = Теперь все письма приходят на него.
link-email-confirm-over = Такая ссылка действует один день и один раз. В настройках виден адрес вашего аккаунта, и его можно изменить снова.
link-email-confirm-again = К настройкам
link-email-undo-title = Оставьте прежний адрес
# $name is the address.
link-email-undo-text = Адрес вашего аккаунта изменён. Если это сделали не вы, верните здесь { $name }. После этого на всех устройствах нужно будет войти снова.
link-email-undo-button = Вернуть прежний
link-email-undo-done = Прежний адрес снова с вами
link-email-undo-then = На всех устройствах выполнен выход. Задайте сейчас новый пароль: ссылка для этого уже в вашей почте.
link-email-undo-over = Такая ссылка действует неделю и один раз. Если ваш аккаунт в чужих руках, сначала задайте новый пароль.
link-email-undo-again = Задать новый пароль
link-digest-title = Больше никаких сводок по почте
link-digest-text = Вам больше не будут приходить письма о том, что вы пропустили. Включить их снова можно в настройках.
link-digest-button = Отключить письма
link-digest-done = Письма отключены
link-digest-then = Включить их снова можно в настройках.
link-digest-over = Адрес этой страницы неполный. Отключить письма можно и в настройках.
link-digest-again = К настройкам
link-over = Эта ссылка больше не работает

## The feed

home-title = Главная
home-prompt = Что вы хотите сказать?
home-nobody-title = Ваша лента ждёт людей
home-nobody-text = Начните читать нескольких людей, и всё, что они пишут, появится здесь, сначала новое.
home-empty-title = Здесь тихо
home-empty-text = Люди, которых вы читаете, пока ничего не написали. Вы могли бы начать.
home-empty-discover = Осмотреться
home-empty-new = Написать пост
home-suggestions = Кого почитать

## A post

post-like = Нравится
post-like-signed-out = Войти и отметить, что нравится
post-comments = Комментарии
post-views = Просмотры
post-save = В закладки
post-likes-said =
    { $count ->
        [one] Нравится { $count } человеку.
        [few] Нравится { $count } людям.
        [many] Нравится { $count } людям.
       *[other] Нравится { $count } людям.
    }
post-saved-said = В закладках.
post-edited = изменено
post-read-on = Читать дальше
post-picture = Картинка без описания
post-more = Ещё об этом посте
post-edit = Изменить
post-delete = Удалить
post-delete-question = Пост и все комментарии к нему исчезнут для всех.
post-delete-yes = Удалить пост
post-report = Пожаловаться
compose-title = Новый пост
compose-edit-title = Изменить пост
compose-heading = Заголовок
compose-text = Текст
compose-text-hint = Знак @ упоминает человека, знак # обозначает тему.
compose-picture = Картинка
compose-picture-choose = Выбрать картинку
compose-picture-remove = Убрать картинку
compose-alt = Что на картинке?
compose-alt-hint = Одно предложение для тех, кто её не видит.
compose-button = Отправить
compose-edit-button = Сохранить
picture-rule = PNG, JPEG, WebP или GIF, не больше 5 МБ и не больше 4096 пикселей в ширину или высоту.
picture-refused = Этот файл не подходит. Пожалуйста, выберите другой.

## Comments

comments-title = Комментарии
comments-none = Пока нет комментариев.
comments-signin-link = Войдите
comments-signin = и напишите комментарий.
comment-label = Ваш комментарий
comment-label-answer = Ваш ответ
comment-button = Отправить
comment-answer = Ответить
comment-edit = Изменить
comment-delete = Удалить
comment-delete-question = Комментарий исчезнет для всех.
comment-delete-yes = Удалить комментарий
comment-report = Жалоба
comment-gone = Этот комментарий удалён.
comment-answering = Вы отвечаете: { $name }
comment-answering-not = Лучше прокомментировать сам пост
edit-comment-title = Изменить комментарий
edit-comment-text = Текст
edit-comment-button = Сохранить

## People

person-erased = Удалённый аккаунт
person-follow = Читать
person-follow-name = Читать: { $name }
person-following = Читаю
person-following-name = Читаю: { $name }
person-unfollow = Больше не читать
person-followed-said = Вы читаете этого человека: { $name }.
person-unfollowed-said = Вы больше не читаете этого человека: { $name }.
profile-edit = Изменить профиль
profile-more-name = Ещё о @{ $name }
profile-mute = Скрыть посты
profile-unmute = Показывать посты
profile-block = Заблокировать
profile-unblock = Снять блок
profile-block-question = Вы больше не будете видеть друг друга и не сможете друг друга читать.
profile-report = Пожаловаться
profile-followers =
    { $count ->
        [one] { $count } читатель
        [few] { $count } читателя
        [many] { $count } читателей
       *[other] { $count } читателя
    }
profile-following =
    { $count ->
        [one] читает { $count } автора
        [few] читает { $count } авторов
        [many] читает { $count } авторов
       *[other] читает { $count } автора
    }
profile-joined = Регистрация
profile-muted = Посты этого человека скрыты. Они не появляются в вашей ленте.
profile-blocked = Вы заблокировали этого человека. Вы не видите друг друга.
profile-posts = Посты
profile-empty-title = Пока нет постов
profile-empty-text = Всё, что напишет этот человек, появится здесь.
profile-empty-own-title = Вы пока ничего не написали
profile-empty-own-text = Первый пост может быть коротким. Просто поздоровайтесь.
profile-empty-own-button = Написать первый пост
people-followed-by = Кого читает { $name }
people-followers-of = Читатели: { $name }
people-label = Списки
people-followers = Читатели
people-following = Читает
people-no-followers = Этого человека пока никто не читает
people-no-following = Этот человек пока никого не читает
people-empty-text = Это может измениться в любой момент.
people-total =
    { $count ->
        [one] { $count } человек
        [few] { $count } человека
        [many] { $count } человек
       *[other] { $count } человека
    }
feed-atom = Лента Atom

## Finding

search-title = Поиск
search-title-of = Поиск: { $name }
search-label = Поиск людей и постов
search-placeholder = Люди, посты, темы
search-button = Найти
search-no-words = Пожалуйста, введите слово или имя.
search-start-title = Найдите людей и посты
search-start-text = Введите имя, слово или тему, например #сад.
search-nothing-title = По запросу «{ $name }» ничего нет
search-nothing-text = Попробуйте слово покороче или проверьте, нет ли в нём ошибки.
search-people = Люди
search-posts = Посты
tag-empty-title = Об этом пока никто не писал
tag-empty-text = Вы могли бы написать первый пост на эту тему.
tag-empty-search = Поискать это слово
discover-title = Интересное
discover-lead = Посты и люди для вас. Везде сказано, почему вы это видите.
discover-people = Люди с похожим вкусом
discover-posts = Вам может понравиться
discover-empty-title = Пока нечего посоветовать
discover-empty-text = Отметьте несколько постов, которые вам нравятся. Тогда станет видно, у кого похожий вкус, и мы покажем, что нравится этим людям.
discover-empty-search = Искать посты
discover-shared =
    { $count ->
        [one] Вам двоим нравится { $count } пост
        [few] Вам двоим нравятся { $count } поста
        [many] Вам двоим нравятся { $count } постов
       *[other] Вам двоим нравится { $count } поста
    }
discover-popular = Этот пост нравится многим
discover-because =
    { $count ->
        [one] Потому что вам и { $name } нравится { $count } общий пост
        [few] Потому что вам и { $name } нравятся { $count } общих поста
        [many] Потому что вам и { $name } нравятся { $count } общих постов
       *[other] Потому что вам и { $name } нравится { $count } общего поста
    }
discover-because-people =
    { $count ->
        [one] Потому что это нравится { $count } человеку с похожим вкусом
        [few] Потому что это нравится { $count } людям с похожим вкусом
        [many] Потому что это нравится { $count } людям с похожим вкусом
       *[other] Потому что это нравится { $count } людям с похожим вкусом
    }
saved-title = Закладки
saved-lead = Ваши закладки видны только вам.
saved-empty-title = У вас пока нет закладок
saved-empty-text = Нажмите на закладку под постом, чтобы снова найти его здесь.
saved-empty-button = К моей ленте

## Activity

activity-title = События
activity-label = Что показать
activity-all = Все
activity-new = Новые
activity-read = Всё прочитано
activity-unread = Новое
activity-empty-title = Пока ничего не произошло
activity-empty-text = Когда кто-то начнёт вас читать, поставит лайк вашему посту или ответит вам, вы узнаете об этом здесь.
activity-no-new-title = Вы всё прочитали
activity-no-new-text = Всё новое появится здесь.
activity-follow =
    { $count ->
        [0] { $name } читает вас
        [one] { $name } и ещё { $count } человек читают вас
        [few] { $name } и ещё { $count } человека читают вас
        [many] { $name } и ещё { $count } человек читают вас
       *[other] { $name } и ещё { $count } человека читают вас
    }
activity-like =
    { $count ->
        [0] { $name } нравится ваш пост
        [one] { $name } и ещё { $count } человеку нравится ваш пост
        [few] { $name } и ещё { $count } людям нравится ваш пост
        [many] { $name } и ещё { $count } людям нравится ваш пост
       *[other] { $name } и ещё { $count } людям нравится ваш пост
    }
activity-comment = { $name } комментирует ваш пост
activity-answer = { $name } отвечает в вашем разговоре
activity-mention = { $name } упоминает вас
activity-warning = Модераторы прислали вам предупреждение
activity-report-acted = Спасибо. По вашей жалобе приняты меры
activity-report-dismissed = Модераторы посмотрели вашу жалобу и не нашли нарушений

## Reports

report-title = Жалоба
report-post = Вы жалуетесь на пост. Его посмотрят модераторы.
report-comment = Вы жалуетесь на комментарий. Его посмотрят модераторы.
report-user = Вы жалуетесь на человека. Жалобу посмотрят модераторы.
report-reason = Что не так?
report-reason-spam = Это реклама или спам
report-reason-harassment = Это травля
report-reason-hate = Это разжигает ненависть
report-reason-violence = Здесь угрожают насилием или хвалят его
report-reason-nudity = Здесь показана нагота
report-reason-illegal = Это противозаконно
report-reason-misinformation = Это неправда, и она вредит
report-reason-other = Другое
report-text = Что нам нужно знать?
report-text-hint = Человек, на которого вы жалуетесь, не узнает, кто вы.
report-button = Отправить жалобу

## Failures

error-missing = Здесь ничего нет
error-too-fast = Слишком быстро
error-ours = Что-то сломалось на нашей стороне
error-refused = Не получилось
error-retry =
    { $count ->
        [one] Пожалуйста, вернитесь через { $count } секунду.
        [few] Пожалуйста, вернитесь через { $count } секунды.
        [many] Пожалуйста, вернитесь через { $count } секунд.
       *[other] Пожалуйста, вернитесь через { $count } секунды.
    }
error-back = Попробовать ещё раз
error-home = На главную
error-request = Если обратитесь за помощью, назовите этот номер:

## The keyboard

keys-title = Клавиатура
keys-lead = Здесь всё работает и без мыши.
keys-reading = Чтение
keys-next = Следующий пост или комментарий
keys-previous = Предыдущий
keys-like = Нравится
keys-answer = Ответить
keys-going = Переходы
keys-new = Написать пост
keys-search = Поиск
keys-home = На главную
keys-activity = К событиям
keys-discover = К интересному
keys-saved = К закладкам
keys-escape = Выйти из поля или меню
keys-help = Эта страница
keys-typing = Пока вы пишете, эти клавиши просто буквы. Две клавиши нажимаются одна за другой.
keys-switch = Использовать эти клавиши в этом браузере

## Settings

settings-title = Настройки
settings-label = Настройки
settings-profile = Профиль
settings-account = Аккаунт
settings-sessions = Устройства
settings-two-factor = Два шага
settings-appearance = Оформление
settings-people = Люди
settings-export = Ваши данные
settings-save = Сохранить
settings-avatar-title = Картинка
settings-avatar-now = Ваша картинка
settings-avatar-label = Новая картинка
settings-avatar-hint = PNG, JPEG, WebP или GIF, не больше 5 МБ. Она показывается в круге.
settings-avatar-button = Взять эту
settings-avatar-remove = Убрать картинку
settings-words-title = Данные профиля
settings-bio = О вас
settings-bio-hint = Не больше 500 знаков. Это могут прочитать все.
settings-account-title = Аккаунт
settings-email-title = Электронная почта
settings-email-now = Ваш адрес:
settings-email-new = Новый адрес
settings-email-hint = Мы отправим на него ссылку. Пока вы её не откроете, ничего не изменится.
settings-email-button = Изменить адрес
settings-password-title = Пароль
settings-password-text = Когда вы его измените, на всех других устройствах нужно будет войти снова.
settings-password-current = Нынешний пароль
settings-password-new = Новый пароль
settings-password-button = Изменить пароль
settings-digest-title = Письма
settings-digest-label = Иногда присылать мне письмо о том, что без меня произошло
settings-leave-title = Удаление аккаунта
settings-leave-lead = Вместе с ним исчезнет всё, что вы написали.
settings-leave-link = Удалить аккаунт
settings-sessions-title = Устройства
settings-sessions-text = На этих устройствах открыт ваш аккаунт. Завершите сеанс, который вам незнаком, а потом измените пароль.
settings-sessions-unknown = Неизвестное устройство
settings-sessions-current = Это устройство
settings-sessions-used = последняя активность
settings-sessions-started = вход
settings-sessions-end = Завершить
settings-sessions-end-others = Завершить остальные
settings-two-factor-title = Вход в два шага
settings-appearance-title = Оформление
settings-people-title = Люди
settings-kinds-title = События
settings-kinds-text = Сообщать, когда кто-то
settings-kind-follow = начинает меня читать
settings-kind-like = ставит лайк моему посту
settings-kind-comment = комментирует мой пост
settings-kind-answer = отвечает в моём разговоре
settings-kind-mention = упоминает меня
settings-muted-title = Скрытые
settings-muted-text = Вы не видите их постов в своей ленте. Они об этом не знают.
settings-muted-none = Вы никого не скрыли.
settings-unmute = Показывать
settings-blocked-title = Заблокированные
settings-blocked-text = Вы и эти люди не видите друг друга.
settings-blocked-none = Вы никого не заблокировали.
settings-unblock = Снять блок
settings-export-title = Ваши данные
two-factor-codes-title = Ваши запасные коды
two-factor-codes-text = Храните их в надёжном месте. Каждый сработает один раз, когда приложения нет под рукой. Мы показываем их только сейчас.
two-factor-codes-done = Коды сохранены
two-factor-enrol-title = Подключите приложение
two-factor-enrol-scan = Откройте приложение для кодов и наведите его на эту картинку.
two-factor-enrol-picture = QR-код для вашего приложения
two-factor-enrol-open = Открыть приложение на этом устройстве
two-factor-enrol-type = Или введите в приложении:
two-factor-enrol-code = Код, который показывает приложение
two-factor-enrol-button = Включить
two-factor-off-title = Защитите аккаунт
two-factor-off-text = Со вторым шагом не войдёт никто, кто знает только ваш пароль. Вам понадобится приложение для кодов на телефоне.
two-factor-begin-button = Настроить
two-factor-on-title = Второй шаг
two-factor-on = Включён
two-factor-on-app = Вы входите с паролем и кодом из приложения.
two-factor-on-other = Вы входите с паролем и вторым шагом.
two-factor-codes-left =
    { $count ->
        [one] У вас остался { $count } запасной код.
        [few] У вас осталось { $count } запасных кода.
        [many] У вас осталось { $count } запасных кодов.
       *[other] У вас осталось { $count } запасного кода.
    }
two-factor-renew-title = Новые запасные коды
two-factor-renew-text = Старые коды перестанут работать.
two-factor-renew-button = Новые коды
two-factor-remove-title = Выключить второй шаг
two-factor-remove-text = С этого момента для входа достаточно пароля.
two-factor-remove-button = Выключить
appearance-theme = Цвета
appearance-auto = Как в системе
appearance-light = Светлые
appearance-dark = Тёмные
appearance-language = Язык
appearance-language-browser = Как в браузере
export-text = Вы можете забрать с собой всё, что Chatty знает о вас: аккаунт, посты с картинками, комментарии, лайки и список тех, кого вы читаете. Это один файл в открытых форматах.
export-button = Собрать данные
export-working = Мы собираем ваши данные. Можно уйти с этой страницы и вернуться.
export-look = Проверить
export-ready = Ваши данные готовы.
export-download = Скачать файл
leave-text = Ваш аккаунт, посты, картинки и комментарии удаляются навсегда. Вернуть их не сможет никто.
leave-export = Возможно, вы захотите оставить себе копию.
leave-export-link = Сначала соберите данные
leave-button = Удалить навсегда

## Moderation

moderation-title = Модерация
moderation-label = Модерация
moderation-numbers = Цифры
moderation-reports = Жалобы
moderation-people = Люди
moderation-removed = Удалённое
moderation-audit = Журнал
moderation-total-users = Люди
moderation-active-users = Активные люди
moderation-blocked-users = Заблокированные
moderation-users-last-24h = Новые люди за 24 часа
moderation-total-posts = Посты
moderation-posts-last-24h = Новые посты за 24 часа
moderation-total-comments = Комментарии
moderation-total-likes = Лайки
moderation-reports-title = Жалобы
moderation-action-resolve = Решено иначе
moderation-action-dismiss = Нарушений нет
moderation-action-remove = Удалено
moderation-action-block = Аккаунт заблокирован
moderation-action-warn = Отправлено предупреждение
reports-label = Состояние жалоб
reports-open = Открытые
reports-acted = Приняты меры
reports-dismissed = Нарушений нет
reports-empty-title = Делать нечего
reports-empty-text = В этом списке нет жалоб.
reports-kind-post = Пост
reports-kind-comment = Комментарий
reports-kind-user = Человек
reports-open-target = Посмотреть
reports-count =
    { $count ->
        [one] { $count } жалоба
        [few] { $count } жалобы
        [many] { $count } жалоб
       *[other] { $count } жалобы
    }
reports-reason = Причина
reports-reason-hint = Она записывается в журнал. Тот, кого предупреждают, её прочитает, поэтому для предупреждения она нужна.
reports-remove = Удалить
reports-block = Заблокировать
reports-warn = Предупредить
reports-resolve = Решено иначе
reports-dismiss = Нарушений нет
reports-reopen = Открыть снова
moderation-people-title = Люди
accounts-admin = Админ
accounts-blocked = Блокировка
accounts-block = Блокировать
accounts-block-yes = Заблокировать
accounts-unblock = Разблокировать
accounts-reason = Причина для журнала
moderation-removed-title = Удалённое
removed-label = Что удалено
removed-posts = Посты
removed-comments = Комментарии
removed-empty-title = Ничего не удалено
removed-empty-text = Всё, что удаляют модераторы, можно вернуть отсюда.
removed-restore = Вернуть
moderation-audit-title = Журнал
audit-empty-title = Журнал пуст
audit-empty-text = Здесь записано каждое решение модераторов.

## What has just been done

notice-saved = Изменения сохранены.
notice-signed-out = Вы вышли из аккаунта.
notice-mail-sent = Мы отправили вам письмо. Пожалуйста, откройте ссылку в нём.
notice-password-changed = Пароль изменён. На других устройствах нужно войти снова.
notice-password-set = Пароль сохранён. Теперь можно с ним войти.
notice-session-ended = Готово. Там ваш аккаунт больше не открыт.
notice-post-deleted = Пост удалён.
notice-comment-deleted = Комментарий удалён.
notice-reported = Спасибо. Модераторы посмотрят.
notice-case-ended = Жалоба закрыта.
notice-case-reopened = Жалоба снова открыта.
notice-restored = Снова на месте.
notice-account-blocked = Аккаунт заблокирован.
notice-account-unblocked = Аккаунт разблокирован.

# A part of a page whose service is away.
missing-feed = Вашу ленту сейчас нельзя показать. Попробуйте ещё раз через минуту.
missing-posts = Посты сейчас нельзя показать. Попробуйте ещё раз через минуту.
missing-comments = Комментарии сейчас нельзя показать. Попробуйте ещё раз через минуту.
missing-recommendations = Рекомендации сейчас нельзя показать. Попробуйте ещё раз через минуту.
missing-recommendations-people = Людей с похожим вкусом сейчас нельзя показать. Попробуйте ещё раз через минуту.
missing-followers = Читателей сейчас нельзя сосчитать.
missing-accounts = Аккаунты сейчас недоступны. Возможно, войти получится чуть позже.

# The development mailbox, and the receipt of an erasure.
mailbox-title = Почтовый ящик для разработки
mailbox-lead = Этот Chatty не отправляет писем. Все они приходят сюда, кому бы ни были адресованы.
mailbox-empty-title = Писем пока нет
mailbox-empty-text = Создайте аккаунт, и придёт первое.
mailbox-html = Как в почтовой программе
receipt-title = Ваши данные удаляются
receipt-done-title = Ваши данные удалены
receipt-text = Это части Chatty и то, что удалила каждая. Аккаунт удалён
receipt-nothing = удалять нечего
receipt-erased = удалено
receipt-waits = выполняется
receipt-later = Каждая часть проверит ещё раз в ближайшие минуты. К этой странице можно вернуться.

# Problems of the API. English has none, because the API says them in English.
problem-invalid_credentials = Имя или пароль неверны.
problem-wrong_password = Пароль неверен.
problem-username_taken = Это имя уже занято.
problem-account_not_verified = Учётная запись ещё не подтверждена. Проверьте почту.
problem-account_awaits_approval = Решение о вашей заявке ещё не принято.
problem-account_blocked = Эта учётная запись заблокирована.
problem-registration_closed = Сейчас регистрация закрыта.
problem-too_many_tries = Слишком много попыток.
problem-too_many_requests = Слишком много запросов.
problem-not_found = Здесь ничего нет.
problem-forbidden = Это вам не разрешено.
problem-wrong_code = Код неверен.
problem-bad_code = Код неверен.
problem-invalid_challenge = Прошло слишком много времени. Войдите ещё раз.
problem-body_too_large = Это слишком большое.
problem-image_too_large = Картинка слишком большая.
problem-not_an_image = Это не картинка в одном из подходящих форматов.
problem-too_many_reports = Слишком много жалоб.
problem-method_not_allowed = Этот адрес так не используется.
problem-service_unavailable = Эта часть Chatty сейчас недоступна.
problem-timeout = Ответ занял слишком много времени.
problem-busy = Сейчас слишком много запросов сразу.
problem-starting = Chatty запускается.
problem-outcome_unknown = Возможно, это сохранено, а возможно, нет. Проверьте, прежде чем повторять.
problem-internal_error = У нас что-то пошло не так.

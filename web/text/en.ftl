# All words of the pages in English, in the order of the areas of the site.
# `$count` is a number, and `$name` is a name or a text that somebody has typed.

## The frame of all pages

site-name = Chatty
skip-link = Skip to the content
nav-label = Main
nav-home = Home
nav-search = Search
nav-discover = Discover
nav-new = New post
nav-activity = Activity
nav-saved = Saved
nav-profile = Profile
nav-settings = Settings
nav-moderation = Moderation
nav-appearance = Language and colours
nav-keys = Keyboard
nav-signin = Sign in
nav-signup = Sign up
nav-signout = Sign out
nav-menu-name = Menu of @{ $name }
curl-title = The same with curl
curl-text = This page was made by these calls of the API. You can make them yourself.
foot-sentence = Chatty: people and their words, nothing else
offline-sentence = You are offline. What you write is kept here until the network is back.
pager-label = Pages
pager-next = Show more
form-optional = optional
form-cancel = Cancel
form-away = A part of Chatty does not answer at the moment. What you typed is still here, so please try again in a minute.
form-look = Please look at the marked fields.
form-wait =
    { $count ->
        [one] Try again in { $count } minute.
       *[other] Try again in { $count } minutes.
    }

## Times

moment-now = just now
moment-minutes =
    { $count ->
        [one] { $count } minute ago
       *[other] { $count } minutes ago
    }
moment-hours =
    { $count ->
        [one] { $count } hour ago
       *[other] { $count } hours ago
    }
moment-days =
    { $count ->
        [one] { $count } day ago
       *[other] { $count } days ago
    }

## What the open page says by itself

live-news =
    { $count ->
        [one] { $count } new post
       *[other] { $count } new posts
    }
live-failed = That did not work. Please try again.
live-online = You are online again.
live-slow = This takes longer than usual. Please wait a moment.
live-expired = You were signed out. Please sign in again.
live-notified = There is something new in your activity.
live-stopped = The upload was stopped.
live-progress = Upload

## The welcome page

welcome-title = A quiet place to talk with people
welcome-description = Chatty is a small social network: posts, pictures and conversations, in the order in which they happen.
welcome-lead = Chatty shows you what the people you follow write, newest first. Nothing is hidden from you, and nothing is pushed at you.
welcome-signup = Create an account
welcome-signin = Sign in
welcome-invite = You need an invitation to join. Somebody who is here can send you one.
welcome-approval = A person looks at each application before an account is opened.
welcome-closed = New accounts are not opened at the moment. You are welcome to read.
welcome-feed-title = In order
welcome-feed-text = Your feed is what you chose to read, in the order in which it was written.
welcome-reasons-title = With reasons
welcome-reasons-text = Each recommendation says why you see it, for example because somebody with your taste liked it.
welcome-yours-title = Yours
welcome-yours-text = You can take everything you wrote with you, or delete it, at any time.
welcome-newest = Newest posts
welcome-empty-title = Nobody has written anything yet
welcome-empty-text = Create an account, and be the first one.
welcome-demo-title = It is very quiet here
welcome-demo-text = This Chatty is new. Fill it with people, posts and pictures to look around, by this command:
join-title = Join the conversation
join-text = With an account you can like, comment, and follow the people whose posts you want to read.

## Signing up

signup-title = Create an account
signup-lead = It takes a minute. We send you one mail to check your address.
signup-closed = New accounts are not opened at the moment. Please come back later.
signup-look-around = Look around without an account
signup-invitation = Invitation
signup-invitation-hint = The code from the invitation that you were given.
signup-username = Username
signup-username-hint = 3 to 32 letters, digits, dots, dashes or underscores. This is how people mention you.
signup-email = E-mail address
signup-email-hint = Nobody else sees it.
signup-password = Password
signup-password-hint = At least 8 characters. A short sentence is easy to remember and hard to guess.
signup-first-name = First name
signup-last-name = Last name
signup-application = Why would you like to join?
signup-application-hint = A person reads this before your account is opened.
signup-button = Create the account
signup-have = Do you have an account already?
mail-title = Check your mail
mail-text = We have sent you a link. Open it to confirm your address, and your account is ready.
mail-mailbox = Open the mailbox
mail-mailbox-hint = This Chatty sends no real mails: they all arrive in this mailbox.
mail-again-title = Nothing has arrived?
mail-again-text = Look in your spam folder first. We can also send the mail again.
mail-email = E-mail address
mail-again-button = Send it again
mail-done = Is your address confirmed?

## Signing in

signin-title = Sign in
signin-username = Username
signin-password = Password
signin-button = Sign in
signin-forgotten = I have forgotten my password
signin-new = Are you new here?
code-title = Enter your code
code-text = Your password is right. Now we need the code from your app.
code-label = Code
code-hint = Six digits from your app, or one of your recovery codes.
code-button = Sign in
code-back = Start again
reset-title = Set a new password
reset-text = Tell us the e-mail address of your account, and we send you a link.
reset-email = E-mail address
reset-button = Send the link
reset-sent-title = Check your mail
reset-sent-text = If an account has this address, a link to set a new password is on its way.
reset-back = Back to sign in
reset-password-title = Choose a new password
reset-password-text = All devices on which you are signed in will have to sign in again.
reset-password-label = New password
reset-password-hint = At least 8 characters. A short sentence is easy to remember and hard to guess.
reset-password-button = Set the password

## The pages behind the links in mails

link-reject-button = No, this was not me
link-verify-title = Confirm your address
link-verify-text = Somebody registered as { $name } with your address. Was this you?
link-verify-button = Yes, confirm my address
link-verify-known = Your address is confirmed already
link-verify-known-text = There is nothing more to do here for { $name }.
link-verify-done = Your address is confirmed
link-verify-then = Welcome to Chatty. You can sign in now.
link-verify-waits = An administrator decides about your application now, and you get a mail.
link-verify-over = Such a link works for a day. It also ends when another account confirms the address, or when the registration is withdrawn.
link-verify-again = Get another link
link-reject-done = The account is gone
link-reject-then = Nothing else happens with your address.
link-reset-over = Such a link works for half an hour, and only once. Ask for another one.
link-reset-again = Get another link
link-email-confirm-title = Confirm your new address
# $name is the address.
link-email-confirm-text = From then on your account uses { $name }, and all mails go there.
link-email-confirm-button = Use this address
link-email-confirm-done = Your new address is confirmed
link-email-confirm-then = All mails go to it from now on.
link-email-confirm-over = Such a link works for a day, and only once. In the settings you see the address of your account, and can change it again.
link-email-confirm-again = Go to the settings
link-email-undo-title = Keep your old address
# $name is the address.
link-email-undo-text = Somebody has changed the address of your account. If that was not you, take { $name } back here. All devices are signed out then.
link-email-undo-button = Keep my old address
link-email-undo-done = Your old address is back
link-email-undo-then = All devices are signed out. Set a new password now: a link for it is in your mail.
link-email-undo-over = Such a link works for a week, and only once. If somebody else controls your account, set a new password first.
link-email-undo-again = Set a new password
link-digest-title = No more summaries by mail
link-digest-text = You will get no more mails about what you have missed. You can switch them on again in the settings.
link-digest-button = Stop these mails
link-digest-done = The mails are switched off
link-digest-then = You can switch them on again in the settings.
link-digest-over = The address of this page is not complete. You can switch the mails off in the settings, too.
link-digest-again = Go to the settings
link-over = This link does not work any more

## The feed

home-title = Home
home-prompt = What would you like to say?
home-nobody-title = Your feed is waiting for people
home-nobody-text = Follow a few people, and what they write appears here, newest first.
home-empty-title = It is quiet here
home-empty-text = The people you follow have not written anything yet. You could begin.
home-empty-discover = Look around
home-empty-new = Write a post
home-suggestions = People to follow

## A post

post-like = Like
post-like-signed-out = Sign in to like
post-comments = Comments
post-views = Views
post-save = Save
post-likes-said =
    { $count ->
        [one] { $count } like.
       *[other] { $count } likes.
    }
post-saved-said = Saved.
post-edited = edited
post-read-on = Read on
post-picture = Picture without a description
post-more = More about this post
post-edit = Edit
post-delete = Delete
post-delete-question = The post and all its comments disappear for everybody.
post-delete-yes = Delete the post
post-report = Report
compose-title = Write a post
compose-edit-title = Edit your post
compose-heading = Title
compose-text = Text
compose-text-hint = Mention people with @, and name subjects with #.
compose-picture = Picture
compose-picture-choose = Choose a picture
compose-picture-remove = Remove the picture
compose-alt = What does the picture show?
compose-alt-hint = A sentence for people who cannot see it.
compose-button = Publish
compose-edit-button = Save the changes
picture-rule = PNG, JPEG, WebP or GIF, at most 5 MB, and at most 4096 pixels wide or high.
picture-refused = This file cannot be used. Please choose another one.

## Comments

comments-title = Comments
comments-none = Nobody has commented yet.
comments-signin-link = Sign in
comments-signin = to write a comment.
comment-label = Your comment
comment-label-answer = Your answer
comment-button = Send
comment-answer = Answer
comment-edit = Edit
comment-delete = Delete
comment-delete-question = The comment disappears for everybody.
comment-delete-yes = Delete the comment
comment-report = Report
comment-gone = This comment was deleted.
comment-answering = Your answer to { $name }
comment-answering-not = Comment on the post instead
edit-comment-title = Edit your comment
edit-comment-text = Text
edit-comment-button = Save the changes

## People

person-erased = Somebody who has left
person-follow = Follow
person-follow-name = Follow { $name }
person-following = Following
person-following-name = Following { $name }
person-unfollow = Stop following
person-followed-said = You follow { $name }.
person-unfollowed-said = You do not follow { $name } any more.
profile-edit = Edit the profile
profile-more-name = More about @{ $name }
profile-mute = Mute
profile-unmute = Unmute
profile-block = Block
profile-unblock = Unblock
profile-block-question = You will not see each other any more, and neither of you can follow the other.
profile-report = Report
profile-followers =
    { $count ->
        [one] { $count } follower
       *[other] { $count } followers
    }
profile-following =
    { $count ->
        [one] { $count } following
       *[other] { $count } following
    }
profile-joined = Joined
profile-muted = You have muted this person. Their posts stay out of your feed.
profile-blocked = You have blocked this person. You do not see each other.
profile-posts = Posts
profile-empty-title = No posts yet
profile-empty-text = What this person writes will appear here.
profile-empty-own-title = You have not written anything yet
profile-empty-own-text = A first post can be short. Say hello.
profile-empty-own-button = Write your first post
people-followed-by = Followed by { $name }
people-followers-of = Followers of { $name }
people-label = Lists
people-followers = Followers
people-following = Following
people-no-followers = Nobody follows this person yet
people-no-following = This person follows nobody yet
people-empty-text = That can change at any time.
people-total =
    { $count ->
        [one] { $count } person
       *[other] { $count } people
    }
feed-atom = Feed

## Finding

search-title = Search
search-title-of = Search for { $name }
search-label = Search for people and posts
search-placeholder = People, posts, subjects
search-button = Search
search-no-words = Please type a word or a name to search for.
search-start-title = Find people and posts
search-start-text = Type a name, a word, or a subject such as #garden.
search-nothing-title = Nothing was found for “{ $name }”
search-nothing-text = Try a shorter word, or check the spelling.
search-people = People
search-posts = Posts
tag-empty-title = Nobody has written about this yet
tag-empty-text = You could write the first post with this subject.
tag-empty-search = Search for the word instead
discover-title = Discover
discover-lead = Posts and people for you. Each one says why you see it.
discover-people = People with similar taste
discover-posts = Posts you may like
discover-empty-title = There is nothing to recommend yet
discover-empty-text = Like a few posts. Then we can see who has a similar taste, and show you what they like.
discover-empty-search = Look for posts
discover-shared =
    { $count ->
        [one] You both like { $count } post
       *[other] You both like { $count } posts
    }
discover-popular = Many people like this post
discover-because =
    { $count ->
        [one] Because you and { $name } both liked { $count } post
       *[other] Because you and { $name } both liked { $count } posts
    }
discover-because-people =
    { $count ->
        [one] Because { $count } person with similar taste likes it
       *[other] Because { $count } people with similar taste like it
    }
saved-title = Saved
saved-lead = Only you see what you save.
saved-empty-title = You have not saved anything yet
saved-empty-text = Press the bookmark below a post to find it here again.
saved-empty-button = Go to your feed

## Activity

activity-title = Activity
activity-label = What to show
activity-all = All
activity-new = New
activity-read = Mark all as read
activity-unread = New
activity-empty-title = Nothing has happened yet
activity-empty-text = When people follow you, like or answer what you write, you read it here.
activity-no-new-title = You have read everything
activity-no-new-text = What is new will appear here.
activity-follow =
    { $count ->
        [0] { $name } follows you
        [one] { $name } and { $count } other follow you
       *[other] { $name } and { $count } others follow you
    }
activity-like =
    { $count ->
        [0] { $name } likes your post
        [one] { $name } and { $count } other like your post
       *[other] { $name } and { $count } others like your post
    }
activity-comment = { $name } has commented on your post
activity-answer = { $name } has answered in a conversation of yours
activity-mention = { $name } has mentioned you
activity-warning = The moderators have sent you a warning
activity-report-acted = Thank you. The moderators have acted on your report
activity-report-dismissed = The moderators have looked at your report and found nothing against the rules

## Reports

report-title = Report
report-post = You are reporting a post. A moderator will look at it.
report-comment = You are reporting a comment. A moderator will look at it.
report-user = You are reporting a person. A moderator will look at it.
report-reason = What is wrong with it?
report-reason-spam = It is advertising or spam
report-reason-harassment = It harasses somebody
report-reason-hate = It spreads hatred
report-reason-violence = It threatens or praises violence
report-reason-nudity = It shows nudity
report-reason-illegal = It is against the law
report-reason-misinformation = It is false and does harm
report-reason-other = Something else
report-text = What should we know?
report-text-hint = The person whom you report does not learn who you are.
report-button = Send the report

## Failures

error-missing = There is nothing here
error-too-fast = That was too fast
error-ours = Something went wrong on our side
error-refused = That did not work
error-retry =
    { $count ->
        [one] Please come back in { $count } second.
       *[other] Please come back in { $count } seconds.
    }
error-back = Try again
error-home = Go to the start
error-request = If you ask somebody for help, give them this number:

## The keyboard

keys-title = Keyboard
keys-lead = Everything here works without a mouse.
keys-reading = Reading
keys-next = The next post or comment
keys-previous = The one before
keys-like = Like it
keys-answer = Answer it
keys-going = Moving around
keys-new = Write a post
keys-search = Search
keys-home = Go home
keys-activity = Go to your activity
keys-discover = Go to discover
keys-saved = Go to what you saved
keys-escape = Leave a field or a menu
keys-help = This page
keys-typing = While you type, these keys are just letters. Two keys are pressed one after the other.
keys-switch = Use these keys in this browser

## Settings

settings-title = Settings
settings-label = Settings
settings-profile = Profile
settings-account = Account
settings-sessions = Devices
settings-two-factor = Two steps
settings-appearance = Appearance
settings-people = People
settings-export = Your data
settings-save = Save
settings-avatar-title = Picture
settings-avatar-now = Your picture
settings-avatar-label = A new picture
settings-avatar-hint = PNG, JPEG, WebP or GIF, at most 5 MB. It is shown as a circle.
settings-avatar-button = Use this picture
settings-avatar-remove = Remove my picture
settings-words-title = Your details
settings-bio = About you
settings-bio-hint = At most 500 characters. Everybody can read it.
settings-account-title = Account
settings-email-title = E-mail address
settings-email-now = Your address is
settings-email-new = New address
settings-email-hint = We send a link to it. Until you open the link, nothing changes.
settings-email-button = Change the address
settings-password-title = Password
settings-password-text = When you change it, all your other devices are signed out.
settings-password-current = Your current password
settings-password-new = New password
settings-password-button = Change the password
settings-digest-title = Mails
settings-digest-label = Send me a mail now and then about what I have missed
settings-leave-title = Delete the account
settings-leave-lead = Everything you wrote disappears with it.
settings-leave-link = Delete my account
settings-sessions-title = Devices
settings-sessions-text = You are signed in on these devices. End a session that you do not know, and then change your password.
settings-sessions-unknown = Unknown device
settings-sessions-current = This device
settings-sessions-used = last used
settings-sessions-started = signed in
settings-sessions-end = End
settings-sessions-end-others = End all other sessions
settings-two-factor-title = Sign in with two steps
settings-appearance-title = Appearance
settings-people-title = People
settings-kinds-title = Activity
settings-kinds-text = Tell me when somebody
settings-kind-follow = follows me
settings-kind-like = likes a post of mine
settings-kind-comment = comments on a post of mine
settings-kind-answer = answers in a conversation of mine
settings-kind-mention = mentions me
settings-muted-title = Muted
settings-muted-text = You do not see their posts in your feed. They do not know it.
settings-muted-none = You have muted nobody.
settings-unmute = Unmute
settings-blocked-title = Blocked
settings-blocked-text = You and they do not see each other.
settings-blocked-none = You have blocked nobody.
settings-unblock = Unblock
settings-export-title = Your data
two-factor-codes-title = Your recovery codes
two-factor-codes-text = Keep them in a safe place. Each one works once, when you do not have your app. They are shown only now.
two-factor-codes-done = I have saved them
two-factor-enrol-title = Connect your app
two-factor-enrol-scan = Open your app for codes and let it read this picture.
two-factor-enrol-picture = QR code for your app
two-factor-enrol-open = Open the app on this device
two-factor-enrol-type = Or type this into the app:
two-factor-enrol-code = The code that the app shows
two-factor-enrol-button = Switch it on
two-factor-off-title = Protect your account
two-factor-off-text = With a second step nobody can sign in who knows only your password. You need an app for codes on your phone.
two-factor-begin-button = Set it up
two-factor-on-title = The second step
two-factor-on = On
two-factor-on-app = You sign in with your password and a code from your app.
two-factor-on-other = You sign in with your password and a second step.
two-factor-codes-left =
    { $count ->
        [one] You have { $count } recovery code left.
       *[other] You have { $count } recovery codes left.
    }
two-factor-renew-title = New recovery codes
two-factor-renew-text = The old codes stop working.
two-factor-renew-button = Make new codes
two-factor-remove-title = Switch it off
two-factor-remove-text = From then on your password is enough to sign in.
two-factor-remove-button = Switch it off
appearance-theme = Colours
appearance-auto = Same as the device
appearance-light = Light
appearance-dark = Dark
appearance-language = Language
appearance-language-browser = Same as the browser
export-text = You can take everything with you that Chatty knows about you: your account, your posts with their pictures, your comments, your likes, and whom you follow. It is one file in open formats.
export-button = Collect my data
export-working = We are collecting your data. You can leave this page and come back.
export-look = Check again
export-ready = Your data is ready.
export-download = Download the file
leave-text = Your account, your posts, your pictures and your comments are deleted for good. Nobody can bring them back.
leave-export = You may want to keep a copy.
leave-export-link = Collect your data first
leave-button = Delete my account for good

## Moderation

moderation-title = Moderation
moderation-label = Moderation
moderation-numbers = Numbers
moderation-reports = Reports
moderation-people = People
moderation-removed = Removed
moderation-audit = Log
moderation-total-users = People
moderation-active-users = Active people
moderation-blocked-users = Blocked people
moderation-users-last-24h = New people in 24 hours
moderation-total-posts = Posts
moderation-posts-last-24h = New posts in 24 hours
moderation-total-comments = Comments
moderation-total-likes = Likes
moderation-reports-title = Reports
moderation-action-resolve = Dealt with in another way
moderation-action-dismiss = Nothing is against the rules
moderation-action-remove = Removed
moderation-action-block = The person was blocked
moderation-action-warn = The person was warned
reports-label = State of the reports
reports-open = Open
reports-acted = Acted on
reports-dismissed = Dismissed
reports-empty-title = Nothing to do
reports-empty-text = No reports are in this list.
reports-kind-post = Post
reports-kind-comment = Comment
reports-kind-user = Person
reports-open-target = Look at it
reports-count =
    { $count ->
        [one] { $count } report
       *[other] { $count } reports
    }
reports-reason = Reason
reports-reason-hint = It is written to the log. A person who is warned reads it, so a warning needs one.
reports-remove = Remove it
reports-block = Block the person
reports-warn = Warn the person
reports-resolve = Dealt with
reports-dismiss = Dismiss
reports-reopen = Open it again
moderation-people-title = People
accounts-admin = Admin
accounts-blocked = Blocked
accounts-block = Block
accounts-block-yes = Block this person
accounts-unblock = Unblock
accounts-reason = Reason for the log
moderation-removed-title = Removed
removed-label = What was removed
removed-posts = Posts
removed-comments = Comments
removed-empty-title = Nothing is removed
removed-empty-text = What moderators remove can be brought back from here.
removed-restore = Bring it back
moderation-audit-title = Log
audit-empty-title = The log is empty
audit-empty-text = Each decision of a moderator is written down here.

## What has just been done

notice-saved = Your changes are saved.
notice-signed-out = You are signed out.
notice-mail-sent = We have sent you a mail. Please open the link in it.
notice-password-changed = Your password is changed. Your other devices are signed out.
notice-password-set = Your password is set. You can sign in with it now.
notice-session-ended = Done. You are no longer signed in there.
notice-post-deleted = The post is deleted.
notice-comment-deleted = The comment is deleted.
notice-reported = Thank you. A moderator will look at it.
notice-case-ended = The report is closed.
notice-case-reopened = The report is open again.
notice-restored = It is back.
notice-account-blocked = The person is blocked.
notice-account-unblocked = The person is unblocked.

# A part of a page whose service is away.
missing-feed = Your feed cannot be shown right now. Try again in a moment.
missing-posts = The posts cannot be shown right now. Try again in a moment.
missing-comments = The comments cannot be shown right now. Try again in a moment.
missing-recommendations = Recommended posts cannot be shown right now. Try again in a moment.
missing-recommendations-people = People with similar taste cannot be shown right now. Try again in a moment.
missing-followers = The followers cannot be counted right now.
missing-accounts = Accounts cannot be reached right now. Signing in may have to wait a moment.

# The development mailbox, and the receipt of an erasure.
mailbox-title = Development mailbox
mailbox-lead = This Chatty sends no mails. They all arrive here, whoever they are for.
mailbox-empty-title = No mails yet
mailbox-empty-text = Sign up, and the first one arrives.
mailbox-html = As a mail program shows it
receipt-title = Your data is being erased
receipt-done-title = Your data is erased
receipt-text = These are the parts of Chatty, and what each of them has erased. The account was deleted on
receipt-nothing = nothing to erase
receipt-erased = erased
receipt-waits = in progress
receipt-later = Each part looks once more within a few minutes. You can come back to this page.

"""Passwords that people choose are found by where they stand; prose, code and placeholders are left alone."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hivemind.capture.redaction import Redactor

REDACTOR = Redactor()

#: One text a line, `\\n` for a line's end in it, and the password between the brackets.
PASSWORDS = r"""
The admin password is ⟦Kartoffel-Salat!77⟧
my password is ⟦correcthorsebattery⟧
Passwort: ⟦Gurken-Suppe⟧
PASS: ⟦Blumenkohl1⟧
pwd is ⟦Zwiebel99⟧
the passphrase for X is '⟦correct horse battery staple⟧'
mysql -u root -p⟦Geheim123⟧ shop
mysqldump -h db -uroot -p⟦geheim⟧ shop > dump.sql
sshpass -p '⟦Zwiebel99⟧' ssh me@host
sshpass -p⟦Zwiebel99⟧ ssh me@host
docker login -u me -p ⟦Tomate4711⟧ registry.acme.test
podman login -u me -p ⟦Tomate4711⟧
foo --password ⟦geheim⟧ --user x
foo --password=⟦geheim⟧
redis-cli -a ⟦geheim⟧ ping
smbclient //srv/share -U anna%⟦Kohlrabi5⟧
htpasswd -b /etc/nginx/.htpasswd anna ⟦Kohlrabi5⟧
net use Z: \\srv\share /user:anna ⟦Kohlrabi5⟧
zip -P ⟦Kohlrabi5⟧ a.zip b
unzip -P ⟦Kohlrabi5⟧ a.zip
openssl enc -aes-256-cbc -k ⟦Kohlrabi5⟧ -in a
openssl rsa -passin pass:⟦geheim⟧ -in k.pem
ldapsearch -x -D cn=admin -w ⟦geheim⟧ -b dc=x
psql "host=db password=⟦geheim⟧ user=x"
PASSWORD=⟦hunter2hunter2⟧
DB_PASSWORD="⟦Sommer2024⟧"
POSTGRES_PASSWORD: ⟦geheim⟧
export DB_PASS=⟦geheim⟧
password: ⟦Sommer2024⟧
Use the password ⟦Rhabarber!9⟧ for the demo box.
Log in with user bob and password ⟦Rhabarber2020⟧
Password is: ⟦rhabarber7⟧
Password is ⟦Rhabarber7⟧, user is root
The sudo password is ⟦rhabarberkuchen⟧ on every box
my new passwd is ⟦Rh4b4rber⟧
Here's the pwd: ⟦rhabarber99⟧
the vault passphrase is: ⟦blau-kuh-tanzt-nachts⟧
Password for root = ⟦Rhabarber#1⟧
Root password → ⟦Rhabarber#1⟧
The password of the postgres user is now '⟦rhabarber⟧'.
the password's ⟦Rhabarber77⟧
admin password: **⟦Rhabarber77⟧**
| password | ⟦Rhabarber77⟧ |
- Password: `⟦rhabarber77⟧`
Passwort fürs WLAN: ⟦Rhabarber77⟧
unser Passwort war ⟦rhabarberkuchen⟧
la contraseña de root es "⟦mariposa⟧"
le mot de passe de la base est ⟦Grenouille!7⟧
password=⟦Rhabarber77⟧
curl -d "username=anna&password=⟦rhabarber77⟧" https://x.test/login
curl -d '{"user":"anna","password":"⟦rhabarber⟧"}' https://x.test/login
PGPASSWORD='⟦rhabarber⟧' pg_dump shop
export MYSQL_PWD=⟦rhabarber⟧; mysql
sudo mysql -uroot -p⟦r00tpw99⟧ <<EOF
mysql -h127.0.0.1 -P3306 -uroot -p⟦Rhabarber⟧ -D shop
/usr/bin/mysqldump --opt -uroot -p"⟦Rhabarber⟧" shop
ssh box 'mysql -u root -p⟦Rhabarber⟧ shop'
$ sshpass -p ⟦rhabarber⟧ ssh -o StrictHostKeyChecking=no root@h
sudo docker login -p ⟦rhabarber⟧ -u anna
az login -u anna@acme.test -p ⟦Rhabarber77⟧
svn co --username anna --password ⟦rhabarber⟧ https://svn
ansible-playbook -e "ansible_become_pass=⟦rhabarber77⟧" site.yml
ansible_ssh_pass: ⟦Rhabarber!⟧
VNC_PW=⟦rhabarber⟧
REDIS_PASS=⟦rhabarber⟧
requirepass ⟦rhabarber77⟧
spring:\n  datasource:\n    password: ⟦rhabarber⟧
    environment:\n      - MINIO_ROOT_PASSWORD=⟦rhabarber⟧
DJANGO_SUPERUSER_PASSWORD=⟦rhabarber⟧ ./manage.py createsuperuser
set DB_PASSWORD=⟦rhabarber⟧
keyPassword "⟦rhabarber⟧"
storePassword=⟦rhabarber77⟧
mongodump --username anna --password ⟦rhabarber⟧ --db shop
openssl genrsa -aes256 -passout pass:⟦rhabarber⟧ 4096
ALTER USER anna WITH PASSWORD '⟦rhabarber⟧';
CREATE USER 'anna'@'%' IDENTIFIED BY '⟦Rhabarber7⟧';
xfreerdp /u:anna /p:⟦rhabarber⟧ /v:h
lftp -u anna,⟦Rhabarber77⟧ ftp.test
wget --http-password=⟦rhabarber⟧ https://x
the password for the staging box is «⟦Regenwald-42⟧»
Our wifi password is ⟦tulpenzwiebel⟧.
The root password was changed to ⟦Fahrrad!Klingel9⟧
i set the db password to ⟦Fahrrad2023⟧ yesterday
password for anna: ⟦Fahrrad2023⟧
the password is "⟦kaktusblüte⟧"
das Passwort für den Server ist ⟦Kaktus-Blüte7⟧
Das Passwort lautet ⟦kaktusbluete⟧ und der Nutzer heisst anna
Kennwort: ⟦Kaktus77⟧
le mot de passe est "⟦grenouille7⟧"
mot de passe : ⟦grenouille7⟧
la contraseña es ⟦mariposa88⟧
a senha é ⟦borboleta88⟧
Contraseña: ⟦mariposa88⟧
my pwd is ⟦quokka99⟧
The Wifi password: ⟦quokkaquokka⟧
Password: ⟦Quokka_2021!⟧
login: anna, password: ⟦Quokka2021⟧
user anna / password ⟦Quokka2021!⟧
credentials are anna with password `⟦Quokka2021⟧`
passcode is ⟦837261⟧
The passphrase is "⟦seven purple otters dancing⟧"
USER: anna\nPASS: ⟦Quokka2021⟧
"content": "my password is ⟦quokkaquokka⟧"
\"password\": \"⟦quokka99⟧\"
mysql --user=root --password=⟦Quokka99⟧ shop
mysql -h db.internal -u root -p'⟦Quo kka99⟧' -e "select 1"
docker exec -it db mysql -uroot -p⟦quokka99⟧ shop
docker compose exec db mariadb -u root -p⟦quokka⟧ shop
mariadb-dump -u root -p⟦quokka⟧ --all-databases
kubectl exec db -- mysqladmin -u root -p⟦quokka⟧ ping
sshpass -p ⟦quokka99⟧ scp a b:
sshpass -p "⟦quokka 99⟧" rsync -a . h:
echo ⟦quokka99⟧ | docker login -u anna --password-stdin
echo '⟦quokka99⟧' | sudo -S apt update
echo "anna:⟦quokka99⟧" | chpasswd
docker login registry.acme.test -u anna --password ⟦quokka99⟧
docker login -u anna -p⟦quokka99⟧
helm registry login acme.test -u anna -p ⟦quokka99⟧
skopeo copy --src-creds anna:⟦Quokka99x⟧ docker://a docker://b
skopeo login --username anna -p ⟦quokka99⟧ quay.test
buildah login -u anna -p ⟦quokka99⟧ quay.test
wget --user=anna --password=⟦quokka⟧ https://x.test/f
tool --db-password ⟦quokkaherd⟧ --verbose
tool --passwd ⟦quokka99⟧
tool --pass ⟦quokka99⟧
gpg --batch --passphrase ⟦quokkaherd⟧ -d f.gpg
subprocess.run(["tool", "--password", "⟦quokkaherd⟧"])
redis-cli -h cache -a ⟦quokkaherd⟧ PING
redis-cli --pass ⟦quokkaherd⟧ PING
smbclient //nas/share -U 'anna%⟦quokkaherd⟧' -c ls
rpcclient -U anna%⟦quokka99⟧ nas
htpasswd -nbB anna ⟦quokkaherd⟧
htpasswd -cb .htpasswd anna ⟦quokka99⟧
net use \\nas\share ⟦quokka99⟧ /user:anna
net use Z: \\nas\share /user:ACME\anna ⟦quokka99⟧
net user anna ⟦quokka99⟧ /add
zip -r -P ⟦quokkaherd⟧ out.zip dir
unzip -o -P '⟦quokkaherd⟧' out.zip
7z x -p⟦quokkaherd⟧ out.7z
openssl aes-256-cbc -d -k ⟦quokkaherd⟧ -in a
ldapsearch -H ldap://x -D "cn=admin,dc=x" -w ⟦quokkaherd⟧ -b dc=x
ldapmodify -x -w⟦quokka99⟧ -f a.ldif
mongosh -u anna -p ⟦quokkaherd⟧ --host db
psql "host=db user=anna password=⟦quokkaherd⟧ dbname=shop"
Server=db;Database=shop;Uid=anna;Pwd=⟦quokkaherd⟧;
PGPASSWORD=⟦quokkaherd⟧ psql -h db
MYSQL_PWD=⟦quokkaherd⟧ mysql
MYSQL_ROOT_PASSWORD=⟦quokkaherd⟧
      - MYSQL_ROOT_PASSWORD=⟦quokkaherd⟧
      MYSQL_ROOT_PASSWORD: ⟦quokkaherd⟧
    password: ⟦quokkaherd⟧
  db_password: '⟦quokkaherd⟧'
SMTP_PASS=⟦quokkaherd⟧
docker run -e POSTGRES_PASSWORD=⟦quokkaherd⟧ -d postgres
export REDIS_PASSWORD='⟦quokkaherd⟧'
ENV ADMIN_PASSWORD ⟦quokka2021⟧
ADMIN_PASSWORD=⟦quokka!herd#7⟧
$env:DB_PASSWORD = "⟦quokkaherd⟧"
spring.datasource.password=⟦Quokka2021⟧
password = "⟦quokkaherd⟧"
const dbPass = "⟦quokka99⟧";
my pw is ⟦Quokka2021⟧
Password (temporary) is ⟦Quokka77⟧
password (staging): ⟦Quokka77!⟧
the password is '⟦dragon⟧'
PASSWORD='⟦quokka salat⟧'
PASSWORD=⟦hunter2⟧
psql "password=⟦quokkaherd⟧"
tool --password '⟦Quokka Salat⟧'
password: "⟦correct horse battery staple⟧"
Your new password is: ⟦Xk9#mQ2p⟧
The admin user's password is “⟦Quokka77⟧”.
my password is ⟦dragon99⟧
"""

#: Texts that hold no password, one a line.
ORDINARY = r"""
the password is wrong
password is required
password is invalid
password is empty
password is hashed with bcrypt
password is stored in the keychain
The password is stored in 1Password.
the password is incorrect, try again
the password is case-sensitive
the password is base64-encoded
the password is SHA-256 hashed
The password is never logged
password is too short
Your password is about to expire
password is a string of at least 8 characters
password is 12 characters long
password is 8-64 characters
The password is user-supplied
password is optional.
password is undefined
password is null
the password is the same as the username
the password is in the vault
the password is passed via stdin
password is None
my password is not accepted
the password is being reset
the password is automatically generated
the password is <redacted>
the password is "required"
the password is "********"
the password to log in
password to use for the database
Password for user anna:
Enter password:
Password:
Sudo password for dev:
[sudo] password for dev:
Passwort ist falsch
Das Passwort ist abgelaufen.
Passwort vergessen?
le mot de passe est incorrect
Mot de passe oublié
la contraseña es incorrecta
Contraseña: requerida
password: string
password: string;
password: str
password: str = Field(min_length=8)
password: SecretStr
password: Optional[str] = None
password: z.string().min(8),
password: { type: String, required: true }
password: String!
password: required
password: user.password,
password: hashedPassword,
password: req.body.password
password: passwordHash
password: ${VAR}
password: "{{ vault_password }}"
password: !vault |
password: *default
password: ********
password: text
password=os.environ["X"]
password = getpass.getpass()
password=password
password=self.password
password=pw1, user=user1
password=form.cleaned_data["password1"]
PASSWORD=
PASSWORD=changeme
PASSWORD=<your password>
PASSWORD=your_password_here
PASSWORD=xxx
PASSWORD=xxxxxxxx
PASSWORD=$DB_PASSWORD
PASSWORD=${DB_PASSWORD:-}
PASSWORD=$(cat /run/secrets/pw)
PASSWORD=secret
POSTGRES_PASSWORD=postgres
POSTGRES_PASSWORD: postgres
POSTGRES_PASSWORD_FILE=/run/secrets/pw
DB_PASSWORD: ${{ secrets.DB_PASSWORD }}
PWD=/home/dev/app
OLDPWD=/home/dev
BYPASS=always
export COMPASS=northeast
PASS: TestLogin2
--- PASS: TestLoginFlow (0.00s)
PASS: test-driver.sh
PASS: foo1\nPASS: foo2
PASS tests/unit/login2.test.ts
pass: true
"pass": "retry"
all tests pass: 128
tests pass is green
ssh -p 22 host
ssh -p2222 host
mkdir -p dir/subdir
mkdir -pv directory
cp -pr src dst
docker run -p 80:80 nginx
docker run --name mysql -p3306:3306 -d mysql
docker run -p 8080:80 docker-login
pytest -p no:cacheprovider
claude -p "write a haiku"
mysql -P 3306 -h db
mysql -p dbname
mysql -u root -p
mysql -u root -p shop
mysql -u root -p$MYSQL_PWD
mysql -u root -p"${MYSQL_PWD}" shop
mysql -u root -p"$(cat pw)" shop
mysql --port=3306 --protocol=tcp
mysqldump -u root -p shop | gzip > a.gz
brew install mysql && mkdir -pv data
sshpass -p "$PW" ssh h
sshpass -f file ssh h
sshpass -e ssh -p 2222 host
docker login -u anna --password-stdin
docker login -u "$USER" -p "$TOKEN" registry
docker login -u me -p ${{ secrets.T }}
docker compose -p project up
docker compose -p myproject exec app login
podman run -p 8080:80 app
helm install -n prod app
redis-cli -h cache -p 6379
redis-cli -a "$REDIS_PASSWORD" ping
redis-cli -a ${PW}
tool --password
tool --password <password>
tool --password PASSWORD
tool --password TEXT  The password
--password string   The password to use
--password TEXT
use the --password flag
the --password option is required
--password and --user
--password-stdin
--password-file secrets.txt
--password=$PW
--password="$PW"
--passWithNoTests src
--pass-through args
--passphrase-file f
argparse.add_argument("--password", help="the password")
parser.add_argument("--password", default=None)
htpasswd -c .htpasswd anna
htpasswd .htpasswd anna
net use Z: \\nas\share
net use
net user anna
zip -r out.zip dir
unzip -p out.zip file.txt
7z a out.7z dir
openssl enc -aes-256-cbc -in a -out b
openssl rsa -passin env:PW -in k.pem
openssl rsa -passin pass:$PW
openssl s_client -connect h:443
ldapsearch -x -W -D cn=admin
ldapsearch -x -w "$PW" -b dc=x
psql "host=db user=anna password=$PW"
psql -p 5432 -U anna
mongosh --port 27017
smbclient //nas/share -U anna
echo "hello" | tee file
echo $PW | sudo -S ls
echo "$PW" | docker login -u a --password-stdin
def login(user: str, password: str) -> bool:
login(user=user, password=password)
the password field is Password1Field
if password is None:
assert password is not None
`password` is the field's name
<input type="password" name="password" placeholder="Password">
label: Password, name: password
password: Passwort
"password": "Mot de passe"
"password": "Enter your password"
"password": "string"
"password": "Password"
'password' => 'required|string|min:8',
password_confirmation: passwordConfirm
$password = $_POST['password'];
let password = readline();
const pwd = process.cwd();
cd $(pwd) && ls
pwd && ls -la
$ pwd\n/home/dev
Forgot password? Reset it
add password hashing to auth.go
email_passwordless: true
keep passphrase out of the log
password: !vault
curl -u user:pass https://x.test
the password is 'required'
the password is "too weak"
add_option("--password", "the word to use")
tool --password "enter the word"
password is sha256 of the key
password is step2 of the form
# Passwords
change the password for the account in settings
password (optional)
the passwords are compared in constant time
Password must be 12 characters long
password -> hash -> store
| password | string | the user's password |
pw is short for password
set -p variables; find . -print0
"""


def lines(block: str) -> list[str]:
    """Return the texts of a block, with real line ends."""
    return [re.sub(r"\\n(?=PASS|\s|/)", "\n", line) for line in block.strip("\n").splitlines()]


@pytest.mark.parametrize("marked", lines(PASSWORDS))
def test_a_chosen_password_vanishes_and_its_surroundings_stay(marked: str) -> None:
    """What was around the password is as it was."""
    before, password, after = re.split("[⟦⟧]", marked)
    redacted = REDACTOR.redact(before + password + after)
    assert password not in redacted.text.removeprefix(before)
    assert redacted.text.startswith(f"{before}[REDACTED:")
    assert redacted.text.endswith(after)
    assert redacted.count == 1


@pytest.mark.parametrize("text", lines(ORDINARY))
def test_prose_code_and_placeholders_stay(text: str) -> None:
    """The word password says by itself nothing about what follows."""
    assert REDACTOR.redact(text).text == text


@pytest.mark.parametrize("text", lines(ORDINARY))
def test_ordinary_text_stays_among_other_lines(text: str) -> None:
    """A neighbouring line makes no password of it."""
    whole = f"make test\n{text}\nmake lint\n"
    assert REDACTOR.redact(whole).text == whole


def test_two_passwords_of_one_command_vanish() -> None:
    """What the first one hid is found once that is gone."""
    for text in (
        "openssl pkcs12 -passin pass:quokkaherd -passout pass:quokkasong",
        "keytool -genkey -storepass quokka99 -keypass quokka98",
        "mysql -u root -pquokka99 -e 'x'; mysql -u app -pquokka98",
        "the password is Quokka2021 and DB_PASSWORD=quokkaherd",
    ):
        redacted = REDACTOR.redact(text)
        assert redacted.count == 2
        assert "quokka" not in redacted.text.lower()


WORDS = st.sampled_from(
    ("rhabarber", "Kohlrabi", "grenouille", "zwetschge", "quokka", "mariposa", "Brunnenkresse")
)
CHOSEN = st.builds(
    lambda word, sign, year: f"{word}{sign}{year}",
    WORDS,
    st.sampled_from(("", "-", "!", "_")),
    st.integers(20, 2039),
)
TEMPLATES = st.sampled_from(
    (
        "the password is {}",
        "my password for the shop is '{}', thanks",
        "Das Passwort lautet {}",
        "Password: {}",
        "APP_PASSWORD={}",
        "APP_PASSWORD: {}",
        '  password: "{}"',
        "mysql -h db -uroot -p{} shop",
        "sshpass -p {} ssh box",
        "docker login -u anna -p {} acme.test",
        "tool run --password {} --fast",
        "tool run --password={}",
        "redis-cli -a {} ping",
        "echo {} | sudo -S true",
        "unzip -P {} a.zip",
    )
)


@given(TEMPLATES, CHOSEN)
@settings(max_examples=300, deadline=None)
def test_any_word_with_a_number_is_a_password(template: str, password: str) -> None:
    """Word, sign and number vanish from every place, whatever they are."""
    redacted = REDACTOR.redact(template.format(password))
    assert password not in redacted.text
    assert redacted.text.startswith(template.partition("{")[0])


PIECES = st.sampled_from(
    (
        *(
            "password",
            "passwort",
            "pass",
            "pwd",
            "PASS:",
            "DB_PASS=",
            "mot de passe",
            "contraseña",
            " for ",
            " is ",
        ),
        *(
            "--password",
            "mysql ",
            "-p",
            "-P ",
            "sshpass ",
            "docker login ",
            "redis-cli -a ",
            "net use /user:a ",
        ),
        *(
            "echo ",
            "| sudo -S",
            "htpasswd -b ",
            "openssl -k ",
            "openssl -passin pass:",
            "host=a ",
            "smbclient -U a%",
        ),
        *(
            "Quokka2021",
            "quokkaherd",
            "quokka!7",
            "'",
            '"',
            "`",
            "\\",
            "\\n",
            "\n",
            " ",
            "=",
            ":",
            "|",
            "→",
            "«",
            "»",
        ),
        *("[REDACTED:spoken-password]", "[REDACTED:", "]", "é", "\ud800", "\x00", "ı", "ſ"),
    )
)


@given(st.lists(PIECES, max_size=30).map("".join))
@settings(max_examples=600, deadline=None)
def test_redacting_passwords_twice_changes_nothing(text: str) -> None:
    """No order of the pieces raises an error or leaves something for a second time."""
    once = REDACTOR.redact(text)
    assert REDACTOR.findings(once.text) == []
    assert REDACTOR.redact(once.text).text == once.text


HOSTILE = (
    *(
        "password is ",
        "password for a ",
        "password: ",
        "passwort für x ",
        "pass: ",
        "PASS=a;",
        "password | ",
        "pwd ",
    ),
    *(
        "--password ",
        "-pass",
        "mysql ",
        "mysql -a ",
        "mysql \\\n ",
        "mysql -p",
        "docker ",
        "docker login -p",
        "echo a ",
    ),
    *(
        "sshpass -p ",
        "openssl -k",
        "htpasswd -b a ",
        "net use z: \\\\",
        "net use /user:a ",
        "smbclient -U a",
        "zip -P",
    ),
    *("host=a password=ab ", "password.", "password is a" + "." * 50, "password is a" + " " * 50),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_time_grows_with_the_text_only(piece: str) -> None:
    """Four times the text takes four times as long, not sixteen."""

    def spent_s(size: int) -> float:
        text = piece * (size // len(piece))
        started = time.process_time()
        REDACTOR.findings(text)
        return time.process_time() - started

    spent_s(1_000)
    assert spent_s(160_000) < 10 * max(0.05, min(spent_s(40_000), spent_s(40_000)))

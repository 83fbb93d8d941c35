"""Secrets in code and configuration: share of files found, and of their clean twins kept, by deterministic detectors.

    python bench/secret_files.py [--seed N] [--rounds N] [--missed] [--second]

Each kind of file is a template; `{0}`, `{1}` are secrets made from a seed at run time, valid nowhere. The twin of a
file is the same file with references, placeholders, or samples in the places of its secrets; `CLEAN` adds files that
only look alike: lock files, digests, public keys. A file is found when a finding of the class secret overlaps every
secret in it, and a clean file is a false alarm when it has any such finding.
"""

# ruff: noqa: E501 - lines of files are as long as they are
from __future__ import annotations

import argparse
import base64
import random
import string
import textwrap

from nemora.privacy.finding import CATALOGUE, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment
from secret_files_second import ABSENT, SECOND

ALNUM, HEX = string.ascii_letters + string.digits, "0123456789abcdef"
B64 = ALNUM + "+/"


def token(rng: random.Random, form: str) -> str:
    """A secret from a form: `prefix|alphabet:length`, alphabets a (letters, digits), h (hex), b (base64), p (password)."""
    if form == "pem":
        return "\n".join(textwrap.wrap(base64.b64encode(rng.randbytes(600)).decode(), 64))
    if form == "words":
        return (
            "".join(rng.choice(["Blue", "Otter", "Lamp", "River", "Stone", "Cedar"]) for _ in range(2))
            + f"{rng.randrange(10, 99)}!"
        )
    prefix, _, rest = form.partition("|")
    alphabet, _, size = rest.partition(":")
    letters = {
        "a": ALNUM,
        "h": HEX,
        "b": B64,
        "p": ALNUM + "!#%^*-_",
        "u": string.ascii_uppercase + "234567",
        "d": string.digits,
        "q": ALNUM + "!%^*-_",
        "H": HEX.upper(),
        "U": string.ascii_uppercase + string.digits,
    }[alphabet]
    while True:
        value = prefix + "".join(rng.choice(letters) for _ in range(int(size)))
        if any(c.isdigit() for c in value[len(prefix) :]):
            return value


PEM = "-----BEGIN {0} PRIVATE " + "KEY-----\n{{0}}\n-----END {0} PRIVATE " + "KEY-----\n"
# (name, template, forms of the secrets)
FILES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("dotenv", "APP_ENV=prod\nPORT=8080\nDB_HOST=db.corp\nDB_PASSWORD={0}\nSECRET_KEY={1}\n", ("|p:14", "|a:40")),
    ("dotenv-export", "export STRIPE_KEY='{0}'\nexport DEBUG=0\n", ("sk_" + "live_|a:24",)),
    ("npmrc", "registry=https://registry.npmjs.org/\n//registry.npmjs.org/:_authToken={0}\n", ("npm_|a:36",)),
    ("npmrc-legacy", "registry=https://npm.corp/\n_auth={0}\nalways-auth=true\n", ("|a:32",)),
    ("pypirc", "[distutils]\nindex-servers = pypi\n\n[pypi]\nusername = __token__\npassword = {0}\n", ("pypi-|a:80",)),
    ("pypirc-password", "[corp]\nrepository: https://pypi.corp\nusername: build\npassword: {0}\n", ("|p:12",)),
    ("netrc", "machine api.corp.io login ci password {0}\nmachine ftp.corp.io\n  login up\n  password {1}\n", ("|p:12", "|a:14")),
    ("docker-config", '{{\n "auths": {{\n  "registry.corp": {{"auth": "{0}"}}\n }}\n}}\n', ("userpass",)),
    ("kubeconfig", "apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    client-certificate-data: LS0t\n    client-key-data: {0}\n", ("|b:240",)),
    ("kubeconfig-token", "kind: Config\nusers:\n- name: dev\n  user:\n    token: {0}\n", ("|a:48",)),
    ("kubernetes-secret", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  password: {0}\n", ("|a:24",)),
    ("htpasswd", "anna:{0}\n", ("$apr1$|a:8",)),
    ("shadow", "root:{0}:19000:0:99999:7:::\n", ("shadow",)),
    ("wp-config", "<?php\ndefine('DB_NAME', 'wp');\ndefine('DB_USER', 'wp');\ndefine('DB_PASSWORD', '{0}');\ndefine('AUTH_KEY', '{1}');\n", ("|p:14", "|p:60")),
    ("jdbc", "spring.datasource.url=jdbc:mysql://db:3306/app?user=app&password={0}\n", ("|a:14",)),
    ("spring-properties", "spring.datasource.username=app\nspring.datasource.password={0}\n", ("|p:12",)),
    ("spring-yaml", "spring:\n  datasource:\n    username: app\n    password: {0}\n", ("|a:16",)),
    ("terraform-state", '{{"version": 4, "resources": [{{"type": "aws_db_instance", "instances": [{{"attributes": {{"username": "app", "password": "{0}"}}}}]}}]}}', ("|p:16",)),
    ("tfvars", 'region = "eu-west-1"\ndb_password = "{0}"\n', ("|p:16",)),
    ("terraform-provider", 'provider "aws" {{\n  access_key = "{0}"\n  secret_key = "{1}"\n}}\n', ("AKIA|u:16", "|b:40")),
    ("aws-credentials", "[default]\naws_access_key_id = {0}\naws_secret_access_key = {1}\n", ("AKIA|u:16", "|b:40")),
    ("gcp-service-account", '{{"type": "service_account", "private_key_id": "x", "private_key": "-----BEGIN PRIVATE ' + 'KEY-----\\n{0}\\n-----END PRIVATE ' + 'KEY-----\\n"}}', ("|b:400",)),
    ("azure-appsettings", '{{"ConnectionStrings": {{"Main": "Server=tcp:db.corp,1433;Database=app;User ID=app;Password={0};Encrypt=True;"}}}}', ("|a:16",)),
    ("azure-storage", "DefaultEndpointsProtocol=https;AccountName=corpdata;AccountKey={0}==;EndpointSuffix=core.windows.net\n", ("|b:86",)),
    ("azure-sas", "curl 'https://corp.blob.core.windows.net/c/f.csv?sv=2022-11-02&se=2030-01-01&sr=b&sp=r&sig={0}%3D'\n", ("|a:43",)),
    ("aws-presigned", "wget 'https://b.s3.amazonaws.com/f?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20260101T000000Z&X-Amz-Signature={0}'\n", ("|h:64",)),
    ("gcs-presigned", "url: https://storage.googleapis.com/b/f?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature={0}\n", ("|h:256",)),
    ("cloudfront", "https://d1.cloudfront.net/f.zip?Expires=1893456000&Signature={0}&Key-Pair-Id=K1\n", ("|a:172",)),
    ("pem-rsa", PEM.format("RSA"), ("pem",)),
    ("pem-ec", PEM.format("EC"), ("pem",)),
    ("pem-openssh", PEM.format("OPENSSH"), ("pem",)),
    ("pem-encrypted", PEM.format("ENCRYPTED"), ("pem",)),
    ("pgp", "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\n\n{0}\n-----END PGP PRIVATE " + "KEY BLOCK-----\n", ("pem",)),
    ("putty", "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: k\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\n{0}\nPrivate-MAC: 00\n", ("|b:60",)),
    ("age", "# created: 2026-01-01\n{0}\n", ("AGE-SECRET-KEY-1|u:58",)),
    ("jwk", '{{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2", "d": "{0}"}}', ("|a:43",)),
    ("shell-history", "ls -la\nmysql -u root -p{0} shop\ncd /srv\n", ("|a:12",)),
    ("shell-curl-u", "curl -u deploy:{0} https://api.corp/v1/x\n", ("|a:14",)),
    ("shell-curl-h", "curl -H 'Authorization: Bearer {0}' https://api.corp\n", ("|a:40",)),
    ("shell-curl-key", 'curl -H "X-Api-Key: {0}" https://api.corp\n', ("|a:32",)),
    ("shell-sshpass", "sshpass -p '{0}' ssh root@web1\n", ("|p:12",)),
    ("github-actions", "jobs:\n  d:\n    env:\n      SLACK_BOT_TOKEN: {0}\n", ("xoxb-1234567890-|a:24",)),
    ("gitlab-ci", 'variables:\n  DEPLOY_TOKEN: "{0}"\nscript:\n  - make\n', ("glpat-|a:20",)),
    ("jenkinsfile", "pipeline {{\n environment {{ NEXUS_PASSWORD = '{0}' }}\n}}\n", ("|p:14",)),
    ("circleci", "jobs:\n  build:\n    environment:\n      CIRCLE_TOKEN: {0}\n", ("CCIPAT_|a:62",)),
    ("travis", "env:\n  global:\n    - SONAR_TOKEN={0}\n", ("|h:40",)),
    ("docker-compose", "services:\n  db:\n    image: postgres\n    environment:\n      POSTGRES_PASSWORD: {0}\n", ("|a:14",)),
    ("dockerfile", "FROM node\nENV API_SECRET={0}\nRUN npm ci\n", ("|a:32",)),
    ("ansible-inventory", "[web]\nw1 ansible_user=root ansible_ssh_pass={0}\n", ("|a:12",)),
    ("helm-values", "postgresql:\n  auth:\n    postgresPassword: {0}\n", ("|a:14",)),
    ("mongo-uri", "MONGO_URL=mongodb+srv://app:{0}@c0.mongodb.net/prod\n", ("|a:16",)),
    ("postgres-uri", "DATABASE_URL=postgresql://app:{0}@db.corp:5432/prod\n", ("|a:16",)),
    ("redis-uri", "REDIS_URL=rediss://:{0}@cache.corp:6380/0\n", ("|a:20",)),
    ("amqp-uri", "broker = 'amqps://app:{0}@mq.corp/vh'\n", ("|a:16",)),
    ("kafka-jaas", 'sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required username="app" password="{0}";\n', ("|a:16",)),
    ("odbc", "Driver={{ODBC Driver 18}};Server=db;Database=x;UID=app;PWD={0};\n", ("|a:16",)),
    ("pgpass", "db.corp:5432:app:app:{0}\n", ("|a:14",)),
    ("my-cnf", "[client]\nuser=root\npassword={0}\n", ("|a:14",)),
    ("django-settings", "DEBUG = False\nSECRET_KEY = '{0}'\n", ("|p:50",)),
    ("rails-secrets", "production:\n  secret_key_base: {0}\n", ("|h:128",)),
    ("laravel-env", "APP_KEY=base64:{0}=\n", ("|b:43",)),
    ("flask", 'app.config["SECRET_KEY"] = "{0}"\n', ("|h:32",)),
    ("python-client", 'client = OpenAI(api_key="{0}")\n', ("sk-" + "proj-|a:48",)),
    ("javascript", "const stripe = require('stripe')('{0}');\n", ("sk_" + "live_|a:24",)),
    ("java", 'private static final String API_KEY = "{0}";\n', ("|a:32",)),
    ("go", 'const apiToken = "{0}"\n', ("|a:40",)),
    ("csharp", 'var password = "{0}";\n', ("|p:14",)),
    ("php", "$db = new PDO($dsn, 'app', '{0}'); // password\n$password = '{0}';\n", ("|p:14",)),
    ("ruby", "Twilio::REST::Client.new(sid, auth_token: '{0}')\n", ("|h:32",)),
    ("sql-dump", "CREATE USER app IDENTIFIED BY '{0}';\n", ("|p:14",)),
    ("cisco", "hostname r1\nenable secret {0}\nsnmp-server community {1} RO\n", ("|a:14", "|a:12")),
    ("wpa", 'network={{\n ssid="corp"\n psk="{0}"\n}}\n', ("|a:14",)),
    ("wireguard", "[Interface]\nPrivateKey = {0}=\nAddress = 10.3.0.2/32\n", ("|b:42",)),
    ("cookie", "Cookie: theme=dark; sessionid={0}; lang=de\n", ("|a:32",)),
    ("set-cookie", "Set-Cookie: JSESSIONID={0}; Path=/; HttpOnly\n", ("|h:32",)),
    ("jwt-log", "2026-01-01 INFO auth header Bearer {0}\n", ("jwt",)),
    ("nuget", '<configuration><packageSourceCredentials><corp><add key="Username" value="ci" /><add key="ClearTextPassword" value="{0}" /></corp></packageSourceCredentials></configuration>', ("|a:20",)),
    ("maven-settings", "<server><id>nexus</id><username>ci</username><password>{0}</password></server>", ("|a:16",)),
    ("gradle", "signing.password={0}\nossrhPassword={1}\n", ("|a:14", "|a:16")),
    ("git-credentials", "https://ci:{0}@git.corp\n", ("ghp_|a:36",)),
    ("rclone", "[s3]\ntype = s3\naccess_key_id = {0}\nsecret_access_key = {1}\n", ("AKIA|u:16", "|b:40")),
    ("slapd", "database mdb\nrootdn cn=admin\nrootpw {0}\n", ("|p:14",)),
    ("datadog-yaml", "site: datadoghq.eu\ndatadog_api_key: {0}\n", ("|h:32",)),
    ("slack-webhook", "alert_url: https://hooks.slack.com/services/{0}\n", ("T01234567/B01234567/|a:24",)),
)  # fmt: skip
REFERENCES = (
    "${{VAULT_{n}}}",
    "<your-secret-{n}>",
    "changeme",
    "REPLACE_ME",
    "{{{{ secret_{n} }}}}",
    "xxxxxxxxxxxxxxxx",
)
CLEAN: tuple[tuple[str, str], ...] = (
    ("package-lock", '{{"node_modules/a": {{"version": "1.2.3", "integrity": "sha512-{b86}=="}}}}'),
    ("yarn-lock", 'left-pad@^1.3.0:\n  resolved "https://registry.yarnpkg.com/l.tgz#{h40}"\n  integrity sha512-{b86}==\n'),
    ("poetry-lock", '[[package]]\nname = "a"\nfiles = [{{file = "a.whl", hash = "sha256:{h64}"}}]\n'),
    ("go-sum", "github.com/a/b v1.2.3 h1:{b43}=\ngithub.com/a/b v1.2.3/go.mod h1:{b43}=\n"),
    ("cargo-lock", '[[package]]\nname = "a"\nchecksum = "{h64}"\n'),
    ("requirements-hashes", "a==1.0 --hash=sha256:{h64}\n"),
    ("sha256sums", "{h64}  a.tar.gz\n{h64}  b.tar.gz\n"),
    ("git-log", "commit {h40}\nAuthor: bot\n\n    fix the token parser\n"),
    ("ssh-public", "ssh-rsa AAAAB3NzaC1yc2E{b200} host\n"),
    ("certificate", "-----BEGIN CERTIFICATE-----\n{b200}\n-----END CERTIFICATE-----\n"),
    ("public-key", "-----BEGIN PUBLIC KEY-----\n{b200}\n-----END PUBLIC KEY-----\n"),
    ("jwk-public", '{{"kty": "RSA", "n": "{a200}", "e": "AQAB", "kid": "{h40}"}}'),
    ("env-reads", "token = os.environ['API_TOKEN']\npassword = getpass.getpass()\nsecret = config.get('secret')\n"),
    ("js-env", "const key = process.env.STRIPE_SECRET_KEY;\nconst password = req.body.password;\n"),
    ("actions-secrets", "env:\n  TOKEN: ${{{{ secrets.DEPLOY_TOKEN }}}}\n  AWS_SECRET_ACCESS_KEY: ${{{{ secrets.AWS }}}}\n"),
    ("k8s-secret-ref", "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: db\n      key: password\n"),
    ("dockerfile-digest", "FROM python:3.12@sha256:{h64}\nRUN pip install a\n"),
    ("tests", "def test_login():\n    assert login('user', 'password') is None\n    token = 'test-token'\n"),
    ("uuid-rows", "id,name\n{h8}-1234-4abc-9def-{h12},a\n"),
    ("minified", "var a=function(e,t){{return e.key===t.token}};/*{h40}*/"),
    ("nextPageToken", '{{"items": [], "nextPageToken": "{a40}"}}'),
    ("etag", 'HTTP/1.1 200 OK\nETag: "{h32}"\nX-Request-Id: {h32}\n'),
    ("schema", '{{"type": "object", "properties": {{"password": {{"type": "string"}}, "api_key": {{"type": "string"}}}}}}'),
    ("sri", '<script src="a.js" integrity="sha384-{b64}" crossorigin="anonymous"></script>'),
    ("migrations", "ALTER TABLE users ADD COLUMN password_hash varchar(128);\nALTER TABLE keys ADD COLUMN token text;\n"),
    ("i18n", '{{"password": "Passwort", "forgot_password": "Passwort vergessen?", "token": "Token"}}'),
)  # fmt: skip
_KINDS = {"a": ALNUM, "h": HEX, "b": B64}


def secret(rng: random.Random, form: str) -> str:
    """`token`, and the forms that are made of several."""
    if form == "userpass":
        return base64.b64encode(f"ci:{token(rng, '|a:16')}".encode()).decode()
    if form == "jwt":
        head, body = ({"alg": "HS256"}, {"sub": token(rng, "|h:8"), "exp": 1893456000})
        parts = [base64.urlsafe_b64encode(str(p).replace("'", '"').encode()).decode().rstrip("=") for p in (head, body)]
        return ".".join([*parts, token(rng, "|a:43")])
    if form == "shadow":
        return f"$6${token(rng, '|a:12')}${token(rng, '|a:86')}"
    if form.startswith("$apr1$"):
        return f"$apr1${token(rng, '|a:8')}${token(rng, '|a:22')}"
    if form.startswith("CCIPAT_"):
        return f"CCIPAT_{token(rng, '|a:22')}_{token(rng, '|h:40')}"
    if form.startswith("|B:"):  # a user and a password as a header carries them
        return base64.b64encode(f"ci:{token(rng, form.replace('B', 'a'))}".encode()).decode()
    if form.startswith("|k:"):
        return base64.b64encode(rng.randbytes(min(64, int(form[3:]) * 3 // 4))).decode()
    if form == "yescrypt":
        return f"$y$j9T${token(rng, '|a:22')}${token(rng, '|a:43')}"
    if form == "|b:42":
        return token(rng, form) + "E"
    return token(rng, form)


def filled(rng: random.Random, template: str) -> str:
    """A clean file with its digests."""
    sizes = {
        f"{kind}{size}": token(rng, f"|{kind}:{size}") for kind in _KINDS for size in (8, 12, 32, 40, 43, 64, 86, 200)
    }
    return template.format(**sizes)


def secret_spans(text: str) -> list[tuple[int, int]]:
    """Spans of the class secret, by the deterministic part of the router."""
    found = Inspector(None).inspect([Segment("/messages/0/content", text)]).findings
    return [(f.start, f.end) for f in found if CATALOGUE[f.kind].sensitivity is Sensitivity.SECRET]


def is_found(text: str, secrets: list[str]) -> bool:
    spans = secret_spans(text)
    places = [(text.index(value), text.index(value) + len(value)) for value in secrets]
    return all(any(a < end and start < b for a, b in spans) for start, end in places)


def second(rounds: int, rng: random.Random) -> None:
    """Found and false alarms of the list that was made without a look at the detectors."""
    found, alarms = dict.fromkeys((name for name, *_ in SECOND), 0), dict.fromkeys((name for name, *_ in SECOND), 0)
    for _ in range(rounds):
        for name, template, forms, twins in SECOND:
            secrets = [secret(rng, form) for form in forms]
            found[name] += is_found(template.format(*secrets), secrets)
            absent = [twin or rng.choice(ABSENT) for twin in twins]
            alarms[name] += bool(secret_spans(template.format(*absent)))
    total = rounds * len(SECOND)
    print(f"{len(SECOND)} kinds of files: {100 * sum(found.values()) / total:.1f} % of {total} found")
    print(f"their twins: {100 * sum(alarms.values()) / total:.1f} % of {total} false alarms")
    print("missed:", ", ".join(f"{name} {rounds - n}" for name, n in found.items() if n < rounds) or "none")
    print("false alarms:", ", ".join(f"{name} {n}" for name, n in alarms.items() if n) or "none")


def main() -> None:
    parser = argparse.ArgumentParser(description="Secrets in code and configuration: found, and false alarms.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--missed", action="store_true", help="name the kinds that were missed or false alarms")
    parser.add_argument("--second", action="store_true", help="the list made without a look at the detectors")
    args = parser.parse_args()
    rng = random.Random(args.seed)  # noqa: S311 - invented values, made again from their seed
    if args.second:
        second(args.rounds, rng)
        return
    found = alarms = clean = 0
    missed, alarmed = set(), set()
    for _ in range(args.rounds):
        for name, template, forms in FILES:
            secrets = [secret(rng, form) for form in forms]
            hit = is_found(template.format(*secrets), secrets)
            found += hit
            missed.update([] if hit else [name])
            reference = rng.choice(REFERENCES)
            twin = template.format(*(reference.format(n=n) for n in range(len(forms))))
            alarm = bool(secret_spans(twin))
            alarms, clean = alarms + alarm, clean + 1
            alarmed.update([f"{name} ({reference})"] if alarm else [])
        for name, template in CLEAN:
            alarm = bool(secret_spans(filled(rng, template)))
            alarms, clean = alarms + alarm, clean + 1
            alarmed.update([name] if alarm else [])
    total = args.rounds * len(FILES)
    print(f"{len(FILES)} kinds of files: {100 * found / total:.1f} % of {total} found")
    print(f"clean files: {100 * alarms / clean:.1f} % of {clean} false alarms")
    if args.missed:
        print("missed:", ", ".join(sorted(missed)) or "none", "\nfalse alarms:", ", ".join(sorted(alarmed)) or "none")


if __name__ == "__main__":
    main()

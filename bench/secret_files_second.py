"""A second list of files with secrets, made without a look at the detectors or at the first list.

    (name, template, forms of the secrets, what stands in the twin)

The twin holds, in the places of the secrets, what the same kind of file really holds when its secrets are kept
elsewhere: a reference to a store, a variable, a word in capitals; where nothing is named, one of `ABSENT`.
"""

# ruff: noqa: E501 - lines of files are as long as they are
from __future__ import annotations

SecondFile = tuple[str, str, tuple[str, ...], tuple[str, ...]]

BEGIN, END = "-----BEGIN {} PRIVATE " + "KEY-----", "-----END {} PRIVATE " + "KEY-----"


PEM = BEGIN + "\n{{0}}\n" + END + "\n"

ABSENT = ("", "changeme", "<password>", "${SECRET}", "xxxxxxxx", "********", "YOUR_SECRET_HERE", "REDACTED", "$SECRET")

SECOND: tuple[SecondFile, ...] = (
    (
        "tfvars",
        'region        = "eu-central-1"\ninstance_type = "t3.medium"\ndb_username   = "app"\ndb_password   = "{0}"\napi_token     = "{1}"\n',
        ("|p:16", "|a:40"),
        ("var.db_password", ""),
    ),
    (
        "terraform state",
        '{{\n  "version": 4,\n  "resources": [{{"type": "aws_db_instance", "instances": [{{"attributes": {{"identifier": "main", "master_password": "{0}", "username": "root"}}}}]}}]\n}}',
        ("|p:20",),
        ("null",),
    ),
    (
        "terraform credentials",
        'credentials "app.terraform.io" {{\n  token = "{0}"\n}}\n',
        ("|a:14",),
        ("xxxxxx.atlasv1.zzzzzzzzzzzzz",),
    ),
    (
        "ansible vars",
        "---\nmysql_root_password: {0}\nvault_smtp_pass: '{1}'\nhttp_port: 80\n",
        ("|p:14", "|p:12"),
        ("\"{{ lookup('env', 'MYSQL_ROOT') }}\"", "{{ vault_smtp }}"),
    ),
    (
        "ansible inventory",
        "[db]\ndb1.corp ansible_host=10.1.4.7 ansible_user=deploy ansible_ssh_pass={0} ansible_become_pass={1}\n",
        ("|p:12", "|p:12"),
        ('"{{ ssh_pass }}"', '"{{ become_pass }}"'),
    ),
    (
        "helm values",
        'image:\n  repository: corp/api\n  tag: 1.4.2\npostgresql:\n  auth:\n    username: api\n    postgresPassword: {0}\n    replicationPassword: "{1}"\n',
        ("|p:16", "|a:16"),
        ('""', ""),
    ),
    (
        "sealed secret",
        "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec:\n  template:\n    stringData:\n      token: {0}\n",
        ("|a:32",),
        ("AgBy3i4OJSWK+PiTySYZZA9rO43cGDEq",),
    ),
    (
        ".npmrc scoped",
        "@corp:registry=https://npm.pkg.github.com\n//npm.pkg.github.com/:_authToken={0}\n//npm.corp/:_password={1}\n",
        ("ghp_|a:36", "|b:24"),
        ("${NPM_TOKEN}", "${NPM_PASSWORD}"),
    ),
    (
        ".yarnrc.yml",
        'npmScopes:\n  corp:\n    npmRegistryServer: "https://npm.corp"\n    npmAuthToken: "{0}"\n',
        ("|a:40",),
        ("${NPM_TOKEN}",),
    ),
    (
        ".pypirc two",
        "[distutils]\nindex-servers =\n    corp\n\n[corp]\nrepository: https://pypi.corp/\nusername: build\npassword: {0}\n",
        ("|p:14",),
        ("",),
    ),
    (
        "pip.conf",
        "[global]\nindex-url = https://build:{0}@pypi.corp/simple\ntimeout = 60\n",
        ("|a:18",),
        ("${PIP_PASSWORD}",),
    ),
    (
        ".netrc one line",
        "machine git.corp login mara password {0}\nmachine api.heroku.com\n  login ops@corp.io\n  password {1}\n",
        ("|p:12", "|h:36"),
        ("", ""),
    ),
    (
        "kubeconfig",
        "apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURQ==\n    token: {0}\n- name: dev\n  user:\n    username: dev\n    password: {1}\n",
        ("|a:48", "|p:14"),
        ("", ""),
    ),
    (
        "docker config.json",
        '{{"auths": {{"registry.corp": {{"auth": "{0}"}}}}, "HttpHeaders": {{"User-Agent": "Docker-Client"}}}}',
        ("|B:24",),
        ("",),
    ),
    (
        "GitHub workflow",
        "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    env:\n      AWS_ACCESS_KEY_ID: {0}\n      AWS_SECRET_ACCESS_KEY: {1}\n    steps:\n      - uses: actions/checkout@v4\n",
        ("AKIA|u:16", "|b:40"),
        ("${{ secrets.AWS_ID }}", "${{ secrets.AWS_SECRET }}"),
    ),
    (
        "GitLab CI",
        'variables:\n  DOCKER_REGISTRY: registry.corp\n  DEPLOY_TOKEN: "{0}"\nbuild:\n  script:\n    - docker login -u ci -p {1} $DOCKER_REGISTRY\n',
        ("gldt-|a:20", "|p:14"),
        ("$CI_DEPLOY_TOKEN", "$CI_JOB_TOKEN"),
    ),
    (
        "systemd unit",
        '[Unit]\nDescription=API\n[Service]\nExecStart=/usr/bin/api --port 80\nEnvironment="DB_PASS={0}" "MODE=prod"\nEnvironment=TOKEN={1}\n',
        ("|p:14", "|a:32"),
        ("%d/db", "%d/token"),
    ),
    (
        "wp-config.php",
        "<?php\ndefine( 'DB_NAME', 'blog' );\ndefine( 'DB_USER', 'wp' );\ndefine( 'DB_PASSWORD', '{0}' );\ndefine( 'AUTH_KEY', '{1}' );\n",
        ("|p:14", "|p:64"),
        ("password_here", "put your unique phrase here"),
    ),
    (
        "Laravel config",
        "<?php\nreturn [\n    'mysql' => [\n        'username' => 'forge',\n        'password' => '{0}',\n    ],\n];\n",
        ("|p:14",),
        ("",),
    ),
    (
        "appsettings.json",
        '{{"ConnectionStrings": {{"Default": "Server=sql.corp;Database=shop;User Id=sa;Password={0};Encrypt=True"}}, "Jwt": {{"SigningKey": "{1}"}}}}',
        ("|p:14", "|a:44"),
        ("#{SqlPassword}#", "#{JwtKey}#"),
    ),
    (
        "application.yml",
        "spring:\n  datasource:\n    url: jdbc:postgresql://db:5432/shop\n    username: shop\n    password: {0}\n  mail:\n    password: '{1}'\n",
        ("|p:14", "|p:14"),
        ("${DB_PASSWORD}", "${MAIL_PASSWORD:}"),
    ),
    (
        "application.properties",
        "server.port=8080\nspring.datasource.password={0}\nserver.ssl.key-store-password={1}\njwt.secret={2}\n",
        ("|p:12", "|p:12", "|a:48"),
        ("${DB}", "${KEYSTORE}", "${JWT}"),
    ),
    ("htpasswd bcrypt", "mara:{0}\nolu:{1}\n", ("$2y$10$|a:53", "$apr1$|a:31"), ("", "")),
    (
        "shadow",
        "root:{0}:19876:0:99999:7:::\ndaemon:*:19876:0:99999:7:::\nmara:{1}:19900:0:99999:7:::\n",
        ("shadow", "yescrypt"),
        ("!", "!!"),
    ),
    ("my.cnf", "[client]\nuser=root\npassword={0}\nhost=localhost\n", ("|p:12",), ("",)),
    (".pgpass", "db.corp:5432:shop:app:{0}\n*:*:*:postgres:{1}\n", ("|p:14", "|p:14"), ("$PGPASSWORD", "$PGPASSWORD")),
    (
        "rclone.conf",
        "[remote]\ntype = s3\nprovider = Minio\naccess_key_id = {0}\nsecret_access_key = {1}\n\n[sftp]\ntype = sftp\npass = {2}\n",
        ("|u:20", "|a:40", "|a:34"),
        ("", "", ""),
    ),
    (
        "ssh key",
        "Host prod\n  HostName 10.1.4.9\n  User deploy\n  IdentityFile ~/.ssh/id_prod\n"
        + PEM.format("OPENSSH", "OPENSSH"),
        ("pem",),
        ("(see the vault)",),
    ),
    (
        "PuTTY key",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: mara\nPublic-Lines: 1\nAAAAC3NzaC1lZDI1NTE5\nPrivate-Lines: 1\n{0}\nPrivate-MAC: 0\n",
        ("|b:48",),
        ("",),
    ),
    (
        "gradle.properties",
        "org.gradle.jvmargs=-Xmx2g\nsigningPassword={0}\nmavenCentralPassword={1}\nRELEASE_STORE_PASSWORD={2}\n",
        ("|p:12", "|a:30", "|p:10"),
        ("", "", ""),
    ),
    (
        "settings.xml",
        "<settings><servers><server><id>corp</id><username>build</username><password>{0}</password></server><server><id>key</id><passphrase>{1}</passphrase></server></servers></settings>",
        ("|q:14", "|q:14"),
        ("${env.MAVEN_PASSWORD}", "${env.GPG_PASS}"),
    ),
    (
        "web.config",
        '<configuration><connectionStrings><add name="Main" connectionString="Data Source=sql;Initial Catalog=shop;User ID=sa;Password={0}" /></connectionStrings><appSettings><add key="ApiSecret" value="{1}" /></appSettings></configuration>',
        ("|q:14", "|a:32"),
        ("*****", "[set in the portal]"),
    ),
    (
        "machineKey",
        '<system.web><machineKey validationKey="{0}" decryptionKey="{1}" validation="SHA1" decryption="AES" /></system.web>',
        ("|H:128", "|H:48"),
        ("AutoGenerate,IsolateApps", "AutoGenerate"),
    ),
    ("odbc.ini", "[shop]\nDriver = PostgreSQL\nServername = db.corp\nUID = app\nPWD = {0}\n", ("|p:12",), ("",)),
    ("tnsnames script", "sqlplus system/{0}@//db.corp:1521/ORCL @load.sql\n", ("|a:12",), ("$ORA_PASS",)),
    (
        "jdbc url",
        'url = "jdbc:mysql://db.corp:3306/shop?user=app&password={0}&useSSL=true"\nora = "jdbc:oracle:thin:app/{1}@db.corp:1521:XE"\n',
        ("|a:14", "|a:12"),
        ("${DB_PASS}", "${ORA_PASS}"),
    ),
    (
        "Jenkins credentials.xml",
        "<com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl><id>git</id><username>ci</username><password>{0}</password></com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>\n<secret>{1}</secret>",
        ("{AQAAABAAAAA|b:40", "|a:32"),
        ("", ""),
    ),
    (
        "vault tokens",
        "export VAULT_ADDR=https://vault.corp:8200\nexport VAULT_TOKEN={0}\nvault login {1}\nUnseal Key 1: {2}\n",
        ("hvs.|a:90", "s.|a:24", "|b:44"),
        ("$(cat ~/.vault-token)", "-method=oidc", "(held by Mara)"),
    ),
    (
        "age key",
        "# created: 2025-03-02T10:11:12Z\n# public key: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n{0}\n",
        ("AGE-SECRET-KEY-1|U:58",),
        ("(in the safe)",),
    ),
    (
        "PGP key",
        "-----BEGIN PGP PRIVATE " + "KEY BLOCK-----\n\n{0}\n=aB3d\n-----END PGP PRIVATE " + "KEY BLOCK-----\n",
        ("pem",),
        ("...",),
    ),
    (
        "WireGuard",
        "[Interface]\nAddress = 10.8.0.2/24\nPrivateKey = {0}\n[Peer]\nPublicKey = xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\nPresharedKey = {1}\nEndpoint = vpn.corp:51820\n",
        ("|k:43", "|k:43"),
        ("<your key>", "<shared key>"),
    ),
    (
        "OpenVPN inline",
        "client\nremote vpn.corp 1194\n<auth-user-pass>\nmara\n{0}\n</auth-user-pass>\n<tls-auth>\n-----BEGIN OpenVPN Static key V1-----\n{1}\n-----END OpenVPN Static key V1-----\n</tls-auth>\n",
        ("|p:14", "|h:256"),
        ("", ""),
    ),
    ("ipsec.secrets", '# RSA\n203.0.113.9 %any : PSK "{0}"\nmara : EAP "{1}"\n', ("|p:24", "|p:14"), ("", "")),
    (
        "wpa_supplicant",
        'network={{\n  ssid="corp-5g"\n  key_mgmt=WPA-PSK\n  psk="{0}"\n}}\nnetwork={{\n  ssid="guest"\n  psk={1}\n}}\n',
        ("|p:16", "|h:64"),
        ("", "ext:wifi"),
    ),
    (
        "NetworkManager",
        "[wifi]\nssid=corp\n[wifi-security]\nkey-mgmt=wpa-psk\npsk={0}\n[802-1x]\nidentity=mara\npassword={1}\n",
        ("|p:14", "|p:12"),
        ("", ""),
    ),
    (
        "snmpd.conf",
        'rocommunity {0} 10.0.0.0/8\ncreateUser monitor SHA "{1}" AES "{2}"\n',
        ("|a:14", "|p:14", "|p:14"),
        ("public", "", ""),
    ),
    (
        "ldap.conf",
        "uri ldaps://ldap.corp\nbinddn cn=reader,dc=corp,dc=io\nbindpw {0}\nolcRootPW: {1}\n",
        ("|p:14", "{SSHA}|b:32"),
        ("", ""),
    ),
    ("smb credentials", "username=mara\npassword={0}\ndomain=CORP\n", ("|p:12",), ("",)),
    ("fstab", "//nas.corp/data /mnt/data cifs username=mara,password={0},uid=1000 0 0\n", ("|a:12",), ("",)),
    (
        "postman collection",
        '{{"info": {{"name": "Shop"}}, "item": [{{"request": {{"auth": {{"type": "bearer", "bearer": [{{"key": "token", "value": "{0}", "type": "string"}}]}}, "header": [{{"key": "X-Api-Key", "value": "{1}"}}]}}}}]}}',
        ("|a:40", "|a:32"),
        ("{{token}}", "{{key}}"),
    ),
    (
        "Insomnia",
        '{{"_type": "export", "resources": [{{"_id": "env_1", "data": {{"base_url": "https://api.corp", "client_secret": "{0}", "access_token": "{1}"}}}}]}}',
        ("|a:32", "|a:40"),
        ("{{ _.secret }}", "{{ _.token }}"),
    ),
    (
        "HAR",
        '{{"log": {{"entries": [{{"request": {{"headers": [{{"name": "Authorization", "value": "Bearer {0}"}}, {{"name": "Cookie", "value": "sessionid={1}; theme=dark"}}]}}}}]}}}}',
        ("|a:40", "|a:32"),
        ("...", "[redacted]"),
    ),
    (
        "curl history",
        "  501  cd /srv\n  502  curl -u mara:{0} https://git.corp/api\n  503  curl -H 'Authorization: Bearer {1}' https://api.corp/v1\n  504  mysql -uroot -p{2} shop\n",
        ("|a:14", "|a:40", "|a:12"),
        ("$PASS", "$TOKEN", ""),
    ),
    (
        "PowerShell",
        "$u = 'CORP\\mara'\n$p = ConvertTo-SecureString '{0}' -AsPlainText -Force\n$c = New-Object PSCredential($u, $p)\nnet use Z: \\\\nas\\data /user:mara {1}\n",
        ("|p:14", "|a:12"),
        ("$env:PASS", "$env:PASS"),
    ),
    (
        "Dockerfile",
        "FROM python:3.12\nARG PIP_TOKEN={0}\nENV SECRET_KEY={1} \\\n    DEBUG=0\nENV ADMIN_PASSWORD {2}\n",
        ("|a:32", "|p:32", "|p:12"),
        ("", "$KEY", "$ADMIN"),
    ),
    (
        "docker-compose",
        "services:\n  db:\n    image: postgres:16\n    environment:\n      - POSTGRES_PASSWORD={0}\n      - POSTGRES_USER=app\n  mq:\n    environment:\n      RABBITMQ_DEFAULT_PASS: {1}\n    command: redis-server --requirepass {2}\n",
        ("|p:14", "|p:14", "|a:20"),
        ("${PG}", "${MQ}", "${REDIS}"),
    ),
    (".Renviron", "R_LIBS_USER=~/R\nOPENAI_API_KEY={0}\nGITHUB_PAT={1}\n", ("sk-proj-|a:48", "ghp_|a:36"), ("", "")),
    (
        "Jupyter notebook",
        '{{"cells": [{{"cell_type": "code", "source": ["import openai\\n", "openai.api_key = \'{0}\'\\n", "conn = connect(host=\'db\', user=\'app\', password=\'{1}\')"], "outputs": []}}]}}',
        ("sk-|a:48", "|q:14"),
        ("...", "..."),
    ),
    (
        "Java properties",
        "db.user=app\ndb.pass={0}\nkeystore.pwd={1}\napi.key={2}\n",
        ("|p:12", "|p:12", "|a:32"),
        ("@db.pass@", "@pwd@", "@key@"),
    ),
    (
        "Android strings.xml",
        '<resources><string name="app_name">Shop</string><string name="google_maps_key">{0}</string><string name="api_secret">{1}</string></resources>',
        ("AIza|a:35", "|a:32"),
        ("YOUR_KEY_HERE", "@string/secret"),
    ),
    (
        "google-services.json",
        '{{"project_info": {{"project_id": "shop-1"}}, "client": [{{"api_key": [{{"current_key": "{0}"}}]}}]}}',
        ("AIza|a:35",),
        ("YOUR_API_KEY",),
    ),
    (
        "service account",
        '{{"type": "service_account", "private_key_id": "{0}", "private_key": "'
        + BEGIN.replace("{} ", "")
        + "\\n{1}\\n"
        + END.replace("{} ", "")
        + '\\n", "client_email": "x@shop.iam.gserviceaccount.com"}}',
        ("|h:40", "|b:400"),
        ("", ""),
    ),
    (
        "iOS plist",
        "<plist><dict><key>API_KEY</key><string>{0}</string><key>ClientSecret</key>\n<string>{1}</string></dict></plist>",
        ("AIza|a:35", "|a:32"),
        ("$(API_KEY)", "$(CLIENT_SECRET)"),
    ),
    (
        "Firebase js",
        'const firebaseConfig = {{ apiKey: "{0}", authDomain: "shop.firebaseapp.com", projectId: "shop" }};\n',
        ("AIza|a:35",),
        ("process.env.KEY",),
    ),
    (
        "Rails database.yml",
        "production:\n  adapter: postgresql\n  username: shop\n  password: {0}\nsecret_key_base: {1}\n",
        ("|p:14", "|h:128"),
        ('<%= ENV["DB_PASS"] %>', '<%= ENV["KEY_BASE"] %>'),
    ),
    (
        "Django settings",
        "DEBUG = False\nSECRET_KEY = '{0}'\nDATABASES = {{'default': {{'USER': 'app', 'PASSWORD': '{1}'}}}}\nEMAIL_HOST_PASSWORD = \"{2}\"\n",
        ("django-insecure-|p:50", "|q:14", "|q:14"),
        ("", "", ""),
    ),
    (
        "nginx proxy",
        'location / {{\n  proxy_pass http://up;\n  proxy_set_header Authorization "Basic {0}";\n  secure_link_md5 "$uri {1}";\n}}\n',
        ("|B:24", "|a:20"),
        ("$http_authorization", "$secret"),
    ),
    (
        "redis.conf",
        "port 6379\nrequirepass {0}\nmasterauth {1}\nuser app on >{2} ~* +@all\n",
        ("|p:20", "|p:20", "|a:16"),
        ("", "", ""),
    ),
    (
        "mongo uri",
        "MONGO=mongodb+srv://app:{0}@c0.ab1cd.mongodb.net/shop\nAMQP_URL=amqp://mq:{1}@mq.corp:5672\n",
        ("|a:16", "|a:14"),
        ("${PASS}", "${MQ_PASS}"),
    ),
    (
        "Slack and webhooks",
        "slack_webhook = https://hooks.slack.com/services/T02ABCDEF/B03ABCDEF/{0}\nteams = https://corp.webhook.office.com/webhookb2/0c9d1f6e-2b7a-4f0c-9c1d-5e8a7b6c4d21@0c9d1f6e-2b7a-4f0c-9c1d-5e8a7b6c4d21/IncomingWebhook/{1}/0c9d1f6e-2b7a-4f0c-9c1d-5e8a7b6c4d21\n",
        ("|a:24", "|h:32"),
        ("XXXXXXXXXXXXXXXXXXXXXXXX", ""),
    ),
    (
        "Cisco running-config",
        "hostname edge1\nenable secret 5 {0}\nusername admin privilege 15 password 7 {1}\nsnmp-server community {2} RO\n",
        ("$1$|a:27", "|d:18", "|a:12"),
        ("", "", "public"),
    ),
    (
        "unattend.xml",
        "<AdministratorPassword><Value>{0}</Value><PlainText>true</PlainText></AdministratorPassword>",
        ("|q:14",),
        ("",),
    ),
    (
        "Azure storage",
        "AZURE_STORAGE_CONNECTION_STRING=DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={0};EndpointSuffix=core.windows.net\nsas=?sv=2022-11-02&ss=b&sig={1}\n",
        ("|k:87", "|k:43"),
        ("", ""),
    ),
    (
        "aws credentials",
        "[default]\naws_access_key_id = {0}\naws_secret_access_key = {1}\naws_session_token = {2}\n",
        ("ASIA|u:16", "|b:40", "|b:200"),
        ("", "", ""),
    ),
    (
        "git config",
        '[remote "origin"]\n\turl = https://mara:{0}@git.corp/shop.git\n[credential]\n\thelper = store\n[http]\n\textraheader = AUTHORIZATION: basic {1}\n',
        ("|a:20", "|B:24"),
        ("", ""),
    ),
    ("msmtprc", "account corp\nhost smtp.corp\nuser mara\npassword {0}\n", ("|p:14",), ("",)),
    (
        "pidgin accounts",
        "<account><protocol>prpl-jabber</protocol><name>mara@chat.corp</name><password>{0}</password></account>",
        ("|q:12",),
        ("",),
    ),
    (
        "filezilla",
        '<Server><Host>ftp.corp</Host><User>mara</User><Pass encoding="base64">{0}</Pass></Server>',
        ("|B:14",),
        ("",),
    ),
    (
        "cloud-init",
        "#cloud-config\nusers:\n  - name: ops\n    passwd: {0}\nchpasswd:\n  list: |\n    root:{1}\n",
        ("shadow", "|p:12"),
        ("!", "RANDOM"),
    ),
    ("kickstart", "rootpw --plaintext {0}\nuser --name=ops --password={1}\n", ("|p:12", "|p:12"), ("--lock", "")),
    ("Erlang cookie", "-name api@10.0.0.5\n-setcookie {0}\n", ("|U:20",), ("${COOKIE}",)),
    (
        "SQL users",
        "CREATE USER app WITH PASSWORD '{0}';\nALTER USER 'root'@'localhost' IDENTIFIED BY '{1}';\nCREATE LOGIN sa2 WITH PASSWORD = N'{2}';\n",
        ("|q:14", "|q:14", "|q:14"),
        (":pass", "<password>", "$(pass)"),
    ),
    (
        "Python code",
        "client = boto3.client('s3', aws_secret_access_key='{0}')\nr = requests.get(url, auth=('mara', '{1}'))\njwt.encode(payload, '{2}', algorithm='HS256')\n",
        ("|b:40", "|q:14", "|q:32"),
        ("...", "...", "..."),
    ),
    (
        "Go code",
        'dsn := "app:{0}@tcp(db.corp:3306)/shop"\nvar hmacKey = []byte("{1}")\nreq.SetBasicAuth("mara", "{2}")\n',
        ("|a:14", "|a:32", "|q:14"),
        ("", "", ""),
    ),
)

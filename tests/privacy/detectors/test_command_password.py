from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.command_password import CommandPasswordDetector

COMMAND = CommandPasswordDetector()


@pytest.mark.parametrize(
    "text",
    [
        "mytool --user bob --password ⟦hunter2⟧ --host x",
        "mytool --password=⟦hunter2⟧",
        "mytool --db-password '⟦hun ter2⟧'",
        "sshpass -p ⟦hunter2⟧ ssh bob@host",
        "sshpass -p '⟦hunter2⟧' ssh bob@host",
        "mysql -u root -p⟦hunter2⟧ shop",
        "docker login -u bob -p ⟦hunter2⟧ registry",
        "curl -u bob:⟦hunter2⟧ https://x",
        "curl --user 'bob:⟦hunter2⟧' https://x",
        "net use Z: \\\\srv\\share /user:dom\\bob ⟦hunter2⟧",
        "smbclient //srv/share -U bob%⟦hunter2⟧",
        "openssl rsa -in k.pem -passin pass:⟦hunter2⟧",
        "echo ⟦hunter2⟧ | sudo -S ls",
        "CREATE USER 'ops'@'%' IDENTIFIED BY '⟦R7Res7I6$96$VOH⟧';",
        "IDENTIFIED WITH mysql_native_password BY '⟦hunter2⟧'",
        "ALTER USER bob WITH PASSWORD '⟦hunter2⟧';",
        "SET PASSWORD FOR bob = PASSWORD('⟦hunter2⟧');",
        "machine ftp.acme.io login bob password ⟦hunter2⟧",
        "<password>⟦hunter2⟧</password>",
        "<db:password enc='no'>⟦hunter2⟧</db:password>",
        '<add key="DbPassword" value="⟦hunter2⟧"/>',
        "requirepass ⟦hunter2⟧",
        "redis-cli -a ⟦S3cretPw⟧ ping",
        "gmail login jo@acme.io / ⟦MyDog$Rex1⟧",
        "creds: admin / ⟦Passw0rd!9⟧",
        "login: bob / ⟦Passw0rd!9⟧",
    ],
)
def test_a_password_is_found_where_syntax_gives_it_away(text: str) -> None:
    check(COMMAND, text)


@pytest.mark.parametrize(
    "text",
    [
        "mytool --password $PASSWORD",
        'mytool --password "$(cat f)"',
        "mytool --password <password>",
        "mytool --password-file /run/secret",
        "mysql -u root -p shop",
        "mysql -u root -p",
        "docker login -p ${TOKEN}",
        "curl -u user:password https://x",
        "IDENTIFIED BY '<password>'",
        "WITH PASSWORD 'changeme'",
        "<password></password>",
        "<password>${pw}</password>",
        "mkdir -p /srv/app",
        "user: read/write",
    ],
)
def test_variables_and_placeholders_are_none(text: str) -> None:
    check(COMMAND, text)

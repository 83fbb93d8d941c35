from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.password import PasswordDetector

PASSWORD = PasswordDetector()


@pytest.mark.parametrize(
    "text",
    [
        "password: ⟦hunter2⟧",
        "my password is ⟦hunter2⟧.",
        "PASSWORD=⟦swordfish⟧",
        'DB_PASS = "⟦A#9ES95dmd⟧"',
        'dbPass: "⟦6NAwRooLWtJiG⟧",',
        'db-password: "⟦Te4Q4%Ygg⟧"',
        'pass := "⟦7qWhLXt$yNEc⟧"',
        "MYSQL_ROOT_PASSWORD: ⟦Tr0ub4dor⟧",
        '{"user": "bob", "password": "⟦s3cr3t!x⟧"}',
        '{\\"password\\": \\"⟦s3cr3t!x⟧\\"}',
        "**Password:** ⟦Winter2025!⟧",
        "Password (temporary): ⟦Winter2025!⟧",
        "The password for the router is ⟦Blue-Falcon-9⟧.",
        "the wifi password is ⟦mangotree⟧.",
        "our admin password was changed to ⟦Kestrel77⟧",
        "log in as bob with password ⟦hunter2⟧",
        'passphrase: "⟦correct horse battery staple⟧"',
        "Passwort: ⟦Sommer2024⟧",
        "mein Passwort ist ⟦Geheim123⟧",
        "contraseña: ⟦gato1234⟧",
        "la contraseña es ⟦gato1234⟧",
        "mot de passe : ⟦chat4321⟧",
        "senha: ⟦abc9876⟧",
        "пароль: ⟦qwerty77⟧",
        "пароль — nein, мой пароль ⟦qwerty77⟧",
        "密码：⟦abc12345⟧",
        "密码是⟦abc12345⟧",
        "パスワードは⟦abc12345⟧",
        "비밀번호: ⟦abc12345⟧",
        "كلمة المرور: ⟦abc12345⟧",
        "wachtwoord: ⟦fiets99!⟧",
        "hasło: ⟦kotek99!⟧",
        "my PIN is ⟦4821⟧",
        "PIN: ⟦4821⟧",
        "change the pin on my account to ⟦3892⟧",
        "pwd=⟦hunter2⟧;",
        "password='⟦s3cr3t!x⟧'",
        "Password:\n⟦Winter2025!⟧\n",
        "my wifi password: ⟦Sunny Day 42⟧",
        "pass phrase: ⟦tall blue otter⟧",
        "Password - ⟦Winter2024!⟧",
        "the password's ⟦hunter2⟧",
        "⟦hunter2⟧ is my password",
        "use ⟦4821⟧ as the pin",
        "PGPASSWORD=⟦hunter22⟧ psql -h db",
    ],
)
def test_a_password_in_use_is_found(text: str) -> None:
    check(PASSWORD, text)


@pytest.mark.parametrize(
    "label", ["password", "dbPassword", "DB_PASS", "user.passwd", "passphrase", "пароль", "Passwort"]
)
def test_a_field_called_password_is_one_whole(label: str) -> None:
    check(PASSWORD, "⟦correct horse⟧", label=label)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("hunter2", "note"),
        ("hunter2", "password_hint"),
        ("${DB_PASSWORD}", "password"),
        ("Enter your password", "password"),
        ("", "password"),
        ("13", "pin"),
    ],
)
def test_other_fields_and_placeholders_are_none(text: str, label: str) -> None:
    check(PASSWORD, text, label=label)


@pytest.mark.parametrize(
    "text",
    [
        "how do I reset my password?",
        "password must be 8 characters",
        "The password is required.",
        "my password is wrong",
        "My password is not working.",
        "the password is case sensitive",
        "my password is compromised.",
        "Is my password strong enough?",
        "def login(user: str, password: str) -> None:",
        "password: str = Field(...)",
        "password: string;",
        "password = input('Password: ')",
        "password = getpass.getpass()",
        "password = os.environ['DB_PASSWORD']",
        "password: process.env.DB_PASSWORD",
        "password=password, user=user",
        "connect(user=user, password=pw)",
        "self.password = password",
        "if password == confirm_password:",
        "if (password != other) return;",
        "password = user.password",
        "password_hash = hashlib.sha256(password.encode())",
        '"password": "Enter your password"',
        "password: '<your-password>'",
        "password: ${DB_PASSWORD}",
        "PASSWORD=$DB_PASSWORD",
        "password: changeme",
        'password: "********"',
        "password: [REDACTED]",
        "password: {{ vault_password }}",
        "Write a password generator in Python",
        "password: must contain a digit",
        "Forgot password? Click here",
        "password manager: which one is best?",
        "<input type='password' name='pw'>",
        "pin 13 is HIGH",
        "pinMode(13, OUTPUT)",
        "Our PIN code: 560001",
        "the total number of pins is 1000",
        "pass: test passed",
        "a compass: north",
        "bypass=1",
        "Password: None",
        "const password = '';",
        "validate_password(password: string): boolean",
        "type User = { name: string; password: string }",
        "password VARCHAR(255) NOT NULL",
        "passwords: a history",
        "The secret to a good password: length",
        "password: ?",
        "Reset-Password: enabled",
        "password: bcrypt",
        "Write a regex for password: ^(?=.*[A-Z]).{8,}$",
        "password123 is a bad password",
        "Is hunter2 a good password?",
        "*pwd* is the password used for it",
        "the password's strength.",
        "password: see attachment",
        "forgot my password, it was something like a word",
        "pass :func:`globals` to it",
        "q_rot, q_pass = q[..., :dim]",
        "statements_pass: list[ast.stmt] = []",
    ],
)
def test_talk_and_code_about_passwords_is_none(text: str) -> None:
    check(PASSWORD, text)


@pytest.mark.parametrize("text", ["password: app_pwd", "POSTGRES_PASSWORD: orders_pass\nUSER: x"])
def test_a_value_in_yaml_may_be_named_like_a_variable(text: str) -> None:
    assert [text[m.start : m.end] for m in PasswordDetector().find(text, "")] == [text.split()[1]]

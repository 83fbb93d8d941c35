"""Files that developers show every day: code that handles secrets holds none, and the same file with one is kept."""

from __future__ import annotations

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy import tables
from nemora.privacy.detectors.iban import IbanDetector
from nemora.privacy.detectors.public_values import SAMPLE_IBANS
from nemora.privacy.finding import CATALOGUE, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment

IN_USE = "Wq7tLm2xRv9"


def secrets_in(text: str) -> list[str]:
    found = Inspector(None).inspect([Segment("/messages/1/content", text)]).findings
    return [text[f.start : f.end] for f in found if CATALOGUE[f.kind].sensitivity is Sensitivity.SECRET]


def covers(text: str, value: str) -> bool:
    return any(value in found for found in secrets_in(text))


@pytest.mark.parametrize(
    "template",
    [
        "    image: db\n    environment:\n      DB_PASSWORD: ${{DB_PASSWORD:{sign}{said}}}\n",
        "export PGPASSWORD=${{PGPASSWORD:{sign}{said}}}\n",
    ],
)
def test_what_a_shell_says_of_a_missing_password_is_none(template: str) -> None:
    for sign, said in (("?", "set it first"), ("+", "is-set"), ("-", "postgres"), ("-", "changeme")):
        text = template.format(sign=sign, said=said)
        assert secrets_in(text) == [], text


def test_a_default_in_use_of_a_shell_variable_is_found() -> None:
    assert covers(f"export PGPASSWORD=${{PGPASSWORD:-{IN_USE}}}\n", IN_USE)


def test_a_bound_variable_of_psql_is_no_password_and_a_literal_is() -> None:
    assert secrets_in("CREATE ROLE app LOGIN PASSWORD :'app_password';\nGRANT SELECT ON t TO app;\n") == []
    assert secrets_in("ALTER ROLE app PASSWORD ':pass';\nALTER TABLE t ADD c int;\n") == []
    assert covers(f"CREATE ROLE app LOGIN PASSWORD '{IN_USE}';\nGRANT SELECT ON t TO app;\n", IN_USE)
    assert covers(f"password :'{IN_USE}'", IN_USE)


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from(["uid=1000", "file_mode=0600", "vers=3.0", "auth.database=shop"]), min_size=1, unique=True)
)
def test_the_next_option_of_a_list_is_no_part_of_a_password(options: list[str]) -> None:
    behind = ",".join(options)
    assert secrets_in(f"//nas/data /mnt cifs username=u,password=xxxxxxxx,{behind} 0 0\n") == []
    text = f"//nas/data /mnt cifs username=u,password={IN_USE},{behind} 0 0\n"
    assert covers(text, IN_USE)
    assert not any(option in found for found in secrets_in(text) for option in options)


@pytest.mark.parametrize(
    "text",
    [
        "int check(const char *pass, int size,\n          PRIV_INFO *out, LIB_CTX *ctx,\n          const char *query);\n",
        "    if pwd and not isinstance(pwd, bytes):\n        raise TypeError(f'{pwd}, bytes')\n",
        "connect(\n    user,\n    password,\n    hostname,\n    timeout,\n)\n",
        "-w '/etc/passwd';\nprint 1;\nwarn 2;\n",
        "#define SET_PASSWORD\t0xBA\n#define DEFAULT_PWD 0x02\n",
        "    password = base64.b16encode(random_bytes[8:])\n",
        "Server(\n    ssl_keyfile=ssl_keyfile,\n    ssl_keyfile_password=ssl_keyfile_password,\n)\n",
        '"""Add a ``--password`` option which asks for it."""\n',
        "my $m = 'clear_credentials';\nCPAN::HTTP::Credentials->$m;\n",
        "    except OSError:\n        pass\n    finally:\n        close()\n",
        "Email:\nPassword:\nRemember me:\n",
    ],
)
def test_code_that_handles_passwords_holds_none(text: str) -> None:
    assert secrets_in(text) == []


@settings(max_examples=60)
@given(st.text(string.ascii_letters + string.digits + " _", min_size=1, max_size=20), st.sampled_from("(){};=[]"))
def test_half_a_statement_names_no_column(name: str, sign: str) -> None:
    assert tables.is_code(name + sign)
    assert not tables.is_code(name)
    assert not tables.is_code(f"{name} (EUR)")
    assert not tables.is_code(f'"{name}"')


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_a_table_still_gives_its_headers_to_its_rows(separator: str) -> None:
    rows = [["name (full)", "initial password", "desk"], ["Ada", IN_USE, "4"], ["Bo", "Zk4rPm8wQx1", "7"]]
    text = "\n".join(separator.join(row) for row in rows)
    assert covers(text, IN_USE)
    assert covers(text, "Zk4rPm8wQx1")


def test_a_section_of_settings_is_not_joined_with_the_value_before_it() -> None:
    text = "[wifi]\nkey-mgmt=wpa-psk\npsk={}\n[802-1x]\nidentity=u\npassword={}\n"
    assert secrets_in(text.format("changeme", "<password>")) == []
    assert covers(text.format(IN_USE, "<password>"), IN_USE)
    assert covers(text.format("ab#Cd9#xYz2", "<password>"), "ab#Cd9#xYz2")


@settings(max_examples=25)
@given(st.integers(0, 120))
def test_a_placeholder_is_never_cut_to_a_value(space: int) -> None:
    """What is undone of escapes is read in windows, wherever their ends fall."""
    text = f"index-servers =\n  shop\n{'x ' * (space // 2)}{'.' * (space % 2)}\npassword: changeme\n"
    assert secrets_in(text) == []


def test_published_accounts_and_logins_are_public_and_their_neighbours_are_not() -> None:
    for iban in SAMPLE_IBANS:
        grouped = " ".join(iban[n : n + 4] for n in range(0, len(iban), 4))
        assert IbanDetector().find(f"IBAN: {iban} or {grouped}", "") == [], iban
    assert secrets_in("sqlplus scott/tiger@localhost:1521/ORCL\n") == []
    assert secrets_in("sqlplus app/$DB_PASS@//db:1521/ORCL @load.sql\n") == []
    assert covers(f"sqlplus scott/{IN_USE}@localhost:1521/ORCL\n", IN_USE)
    assert secrets_in("new URL('https://abc:xyz@example.com')\n") == []
    assert covers(f"new URL('https://abc:{IN_USE}@example.com')\n", IN_USE)
    assert covers("new URL('https://abc:xyz@shop.corp.io')\n", "xyz")


def test_one_sign_in_groups_is_a_placeholder() -> None:
    assert secrets_in("Using generated security password: 00000000-0000-0000-0000-000000000000\n") == []
    assert covers("Using generated security password: 3f9c2a71-58d4-4b0e-9a67-c1d20e84f5b3\n", "3f9c2a71")


def test_digests_and_addresses_are_no_credentials() -> None:
    digest = "G35U_OvYJGpmc347C-CDMyVkd7TKCEiN4xtWAHj4Uis"
    assert secrets_in(f"peft/trainable_tokens.py,sha256={digest},1033\n") == []
    assert secrets_in("- **url**: change null password: https://github.com/nodejs/node/pull/10601\n") == []
    assert secrets_in('<a href="html/userParams.html#evalStyle2sheet">user/params.html#evalStyle2sheet</a>\n') == []


def test_a_plain_setting_is_not_read_as_letters_in_another_order() -> None:
    assert secrets_in("[Peer]\nPresharedKey = <shared key>\nEndpoint = vpn.example.com:51820\n") == []

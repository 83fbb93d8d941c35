"""Numbers and secrets that identify or give access, announced in the languages and forms of several countries."""

from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors import ALL
from nemora.privacy.detectors.access_code import AccessCodeDetector
from nemora.privacy.detectors.announced_number import AnnouncedNumberDetector
from nemora.privacy.detectors.bank_account import BankAccountDetector
from nemora.privacy.detectors.date_of_birth import DateOfBirthDetector
from nemora.privacy.detectors.login_pair import LoginPairDetector
from nemora.privacy.detectors.password import PasswordDetector
from nemora.privacy.finding import CATALOGUE, Kind, Sensitivity
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment

INSPECTOR = Inspector(None)


def found(text: str) -> list[str]:
    inspection = INSPECTOR.inspect([Segment("/messages/0/content", text)])
    return [text[f.start : f.end] for f in inspection.findings]


@pytest.mark.parametrize(
    "text",
    [
        "OLN ⟦S514-8827-4935⟧ (Illinois)",
        "DL# ⟦K425-106-24-628-0⟧",
        "a Tennessee license, ⟦105 387 481⟧",
        "řidičský průkaz: ⟦EH 808137⟧",
        "vozniško dovoljenje ⟦004835417⟧",
        "vairuotojo pažymėjimas ⟦01927384⟧",
        "ajokortti ⟦260147-683N⟧",
        "в/у ⟦9931 408417⟧",
        "ওই ড্রাইভিং লাইসেন্স ⟦DK0482915C00012⟧",
        "pasaporte cubano ⟦K418279⟧",
        "Agent: passport number?\nMe: ⟦EK1485213⟧",
        "— numer paszportu?\n— ⟦EK8720166⟧",
        "paspoortnummer ⟦NX4R82DK7⟧",
        "여권번호 ⟦M92A3B4C5⟧",
        "загран ⟦72 8306781⟧",
        "pp ⟦V4470922⟧",
        "gstin is ⟦29AKRPV7538M9Z3⟧",
        "IRD ⟦092-491-967⟧",
        "adóazonosító jel: ⟦8448629678⟧",
        "tax no. ⟦0917382645⟧",
        "dowód osobisty ⟦DBR 362141⟧",
        "kp ⟦790512-11-5418⟧",
        "رقم الإقامة ⟦2419077386⟧",
        "A-number ⟦A 088 418 729⟧",
        "občanský průkaz ⟦117 480 226⟧",
        "krankenakte ⟦0660752⟧",
        "NHC ⟦0729183⟧",
        "병록번호 ⟦01830927⟧",
    ],
)
def test_numbers_of_many_countries_are_found_after_their_words(text: str) -> None:
    assert check(AnnouncedNumberDetector(), text)


@pytest.mark.parametrize(
    "text",
    [
        "the permit office, 12345 visitors a year",
        "passport photo 4032x3024, passport fees 2024-2025",
        "license ISO-27001-2022, licence Apache-2.0",
        "passport: AA000000, licence: 00000000-T",
        "each sort of 123456 rows, back to 10000",
        "the pan is 24 cm, pan left 1200 px",
        "compass 123456, overpass 1234567",
        "Passport number\nOrder total 12345",
        "git pass 1234567 tests",
        "tin 400 g, tins of 250000",
        "permis de construire PC 077 288",
        "ISBN 9783161484100, part no. 4711-0815-23, order 20240131-77",
        "commit 9f31c0e2a4, build 90417723",
        "op. 27 no. 2, bars 100-120",
    ],
)
def test_what_only_looks_like_an_announced_number_is_not_found(text: str) -> None:
    assert AnnouncedNumberDetector().find(text, "") == []


@pytest.mark.parametrize(
    "text",
    [
        "send it to monzo ⟦04-59-55⟧, ⟦63 60 46 58⟧ please",
        "Santander ⟦09-01-28⟧ / ⟦41776700⟧",
        "konto ⟦61 1090 1014 0000 0712 1981 2874⟧",
        "CLABE ⟦032180000118359719⟧",
        "cbu ⟦2850590940090418135201⟧",
        "RIB ⟦20041 01005 0500013M026 06⟧",
        "вернуть на ⟦40817810303247218881⟧",
        "⑆⟦053207766⟧⑆ ⟦1030 7719⟧ ⑈",
        "खाता संख्या ⟦3091 0200 0018 447⟧",
        "số tài khoản ⟦0376000950884⟧",
    ],
)
def test_accounts_of_several_countries_are_found(text: str) -> None:
    check(BankAccountDetector(), text)


@pytest.mark.parametrize(
    "text",
    [
        "log 12-05-24 10023344 done",
        "from 01-02-24 20240201 to the end",
        "konto 2024 wurde eröffnet, conto 2024-05-06",
        "bsb 000-000 acct 000000",
        "40 1234 5678 9012 3456 7890 1234",
        "Stk 100000, 12 Stk",
    ],
)
def test_dates_and_placeholders_are_no_accounts(text: str) -> None:
    assert BankAccountDetector().find(text, "") == []


@pytest.mark.parametrize(
    "text",
    [
        "door code ⟦5190#⟧",
        "Le coffre du local : ⟦5-38-12⟧, à l'envers",
        "kod do bramy ⟦0741⟧",
        "the side gate, code ⟦5520#⟧",
        "codice cancello ⟦5461⟧, poi",
        "digicode ⟦B4471⟧",
        "ovikoodi ⟦6244 0691⟧",
        "鍵ボックス⟦4-1-8-8⟧です",
        "PUK ⟦22444361⟧",
    ],
)
def test_codes_of_doors_and_safes_are_found(text: str) -> None:
    assert [match.kind for match in check(AccessCodeDetector(), text)] == [Kind.PASSWORD]


@pytest.mark.parametrize(
    "text",
    [
        "status code 404, error code 5001, exit code 1375",
        "the alarm code has 4 digits, 9000 are possible",
        "set alarm 0630",
        "building code 2018 edition, section 1005",
        "the safe distance 10-20-30 rule",
        "code 12-12-2024, safe 2024-05-06",
        "zip code 90210, country code 0049, QR code 1234567",
        "door code 1234, gate code 0000",
        "locker number 4471, entry number 12345",
    ],
)
def test_other_codes_are_not_found(text: str) -> None:
    assert AccessCodeDetector().find(text, "") == []


@pytest.mark.parametrize(
    "text",
    [
        "ordering portal is kitchen_wharf / ⟦Halibut!Friday22⟧ - write it down",
        "login agency and ⟦Gouda!jong48⟧. Staging",
        "accès admin@gite.fr / ⟦Aligot!Saucisse2⟧",
        "benutzer svc_print / ⟦Liverpool05Istanbul⟧",
    ],
)
def test_passwords_beside_a_login_are_found_without_their_word(text: str) -> None:
    check(LoginPairDetector(), text)


@pytest.mark.parametrize(
    "text",
    [
        "login issue: see acme/repo#1234, user reported in frontend/Bug#442",
        "user = a && b!==c1",
        "log in at https://example.com/Foo1!bar?x=1",
        'import { user } from "src/User1Service"',
        "account manager / R&D-Team2024",
        "the login page is **Great1** and Vue3!",
        "router: Settings2 / Bluetooth5",
        "user&amp;name1 logs in",
    ],
)
def test_paths_issues_and_markup_are_no_logins(text: str) -> None:
    assert LoginPairDetector().find(text, "") == []


@pytest.mark.parametrize(
    "text",
    ["– jelszó?\n– ⟦Muskatli.1953⟧\n– 2FA?", "wachtwoord is ⟦6647 3287⟧", "adgangskode ⟦3148⟧, bruger anna"],
)
def test_a_password_is_the_next_speakers_answer_or_a_number(text: str) -> None:
    check(PasswordDetector(), text)


@pytest.mark.parametrize("text", ["password 123456, qwerty", "Password:\nkey: WebFilterExempt", "password 2024."])
def test_a_name_and_the_most_used_passwords_are_no_answer(text: str) -> None:
    assert PasswordDetector().find(text, "") == []


@pytest.mark.parametrize(
    "text", ["nací el ⟦25-09-1981⟧", "जन्म तारीख ⟦13 March 2010⟧", "נולדתי ב-⟦14.6.76⟧", "bday ⟦1936-04-13⟧"]
)
def test_births_are_found_in_further_languages(text: str) -> None:
    check(DateOfBirthDetector(), text)


@pytest.mark.parametrize(
    ("header", "row", "value"),
    [
        ("name,oln,state", "Ann,S48201771,NH", "S48201771"),
        ("nome;patente;targa", "Ann;U1R201812L;GK 417 ZR", "U1R201812L"),
        ("name\tbsb\tacct", "Ann\t733-216\t56190433", "733-216"),
        ("नाम,ड्राइविंग लाइसेंस,शहर", "अनु,PB-0220180061948,पुणे", "PB-0220180061948"),
        ("who | sort code | x", "Ann | 27-42-46 | y", "27-42-46"),
    ],
)
def test_the_header_of_a_column_announces_too(header: str, row: str, value: str) -> None:
    assert value in found(f"{header}\n{row}\n")


def test_a_plain_value_between_marks_is_found_alone() -> None:
    text = "- **State:** TN | - **Version:** 9.3.156 | - **License #:** 389 922 304 | - **MAC:** none"
    assert found(text) == ["389 922 304"]


def test_no_strong_kind_is_found_in_talk_about_identifiers() -> None:
    text = (
        "How many characters has a driving licence number, and which countries print a passport number twice? Sort "
        "codes have 6 digits, routing numbers 9. A door code should have 6 digits; change it every 90 days. See "
        "RFC 2045, ISO 13616 and 49 CFR 383.153, section 1201 (page 1024 of 2048)."
    )
    strong = [m for d in ALL for m in d.find(text, "") if CATALOGUE[m.kind].sensitivity is Sensitivity.SECRET]
    assert strong == []

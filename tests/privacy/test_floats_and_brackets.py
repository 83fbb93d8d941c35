"""Numbers that became floating point, and signs in brackets: as the plain value is read, and harmless where it is."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemora.privacy.defanged import defanged
from nemora.privacy.detectors.checksums import luhn
from nemora.privacy.detectors.payment_card import issued
from nemora.privacy.detectors.public_values import TEST_CARDS
from nemora.privacy.finding import Kind
from nemora.privacy.floats import card_floats, whole_floats
from nemora.privacy.inspect import Inspector
from nemora.privacy.protocols import Segment


def found(text: str) -> dict[Kind, str]:
    inspection = Inspector(None).inspect([Segment("/messages/0/content", text)])
    assert inspection.complete
    return {f.kind: text[f.start : f.end] for f in inspection.findings if f.confidence >= 0.5}


def card(start: str, middle: int) -> str:
    digits = f"{start}{middle:0{15 - len(start)}d}"
    return next(digits + last for last in "0123456789" if luhn(digits + last))


CARDS = st.builds(card, st.sampled_from(["4716", "5301", "2221", "6011"]), st.integers(10**9, 10**10 - 1)).filter(
    lambda digits: digits not in TEST_CARDS and len(set(digits)) > 4
)


@settings(max_examples=25, deadline=None)
@given(CARDS, st.sampled_from(["e15", "E15", "e+15", "E+15"]), st.sampled_from(["", "1,", '{"pan": ', "x,y\n7,"]))
def test_a_card_number_with_an_exponent_is_found_without_a_word_beside_it(digits: str, power: str, before: str) -> None:
    assert issued(digits)
    written = f"{digits[0]}.{digits[1:].rstrip('0')}{power}"
    assert int(float(written)) == int(digits)
    assert found(f"{before}{written}") == {Kind.PAYMENT_CARD: written}
    assert found(f"{before}{digits}.0")  # behind `pan` it may be an Indian number of tax


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("account number: 84231975.0", Kind.BANK_ACCOUNT),
        ("account 84231975.0", Kind.BANK_ACCOUNT),
        ("id,account number\n7,84231975.0\n", Kind.BANK_ACCOUNT),
        ("id,account_number,name\n7,8.4231975e7,x\n8,8.4231976e+07,y\n", Kind.BANK_ACCOUNT),
        ("id;ssn;name\n7;536221234.0;x\n", Kind.US_SSN),
        ("ssn 536221234.0", Kind.US_SSN),
        ('{"phone": 14155559832.0}', Kind.PHONE_NUMBER),
    ],
)
def test_an_announced_number_with_a_fraction_of_nothing_is_found(text: str, kind: Kind) -> None:
    assert kind in found(text)


@pytest.mark.parametrize(
    "text",
    [
        "c^2 is 8.987551787368176e16, Avogadro 6.02214076e23, Planck 6.62607015e-34, e 1.602176634e-19",
        json.dumps({"max": 1.7976931348623157e308, "eps": 2.220446049250313e-16, "f": 3.4028235e38}),
        "4.716e15, 4.5e15, 6.011e15, 3.7e14 and 4.51234567891234e15",
        "bytes 4503599627370496.0 and 9007199254740992.0",
        '{"timestamp": 1700000000000.0, "population": 8045311447.0}',
        "account balance 84231975.0, total amount 1234567.0, card limit 5000000.0",
        "id,account balance,name\n7,84231975.0,x\n8,8.4231976e7,y\n",
        "id,token_rate,key_mass\n7,1.4155559832e-10,5.36221234e30\n8,2.5,1234567.5\n",
        "user data 1234567.0 rows; login at 1700000000.0",
        "4.111111111111111e15 and 4111111111111111.0",
        "mass -4.716209388541728e15 kg",
    ],
)
def test_ordinary_floats_are_harmless(text: str) -> None:
    assert found(text) == {}


OCTETS = st.tuples(*[st.integers(0, 255)] * 4) | st.sampled_from(
    [(8, 8, 8, 8), (192, 0, 2, 7), (127, 0, 0, 1), (198, 51, 100, 9), (255, 255, 255, 0), (1, 2, 3, 4)]
)
DOTS = st.sampled_from(["[.]", "(.)", "{.}", "[dot]", "[ . ]", " dot ", "(dot)"])
AROUND = st.sampled_from(["{}", "see {}.", "client {} logged in", "hxxp://{}/a", "version {}", "{}, x"])


@settings(max_examples=40, deadline=None)
@given(OCTETS, DOTS, AROUND)
def test_an_address_of_a_machine_in_brackets_counts_where_the_plain_one_does(
    octets: tuple[int, ...], dot: str, around: str
) -> None:
    plain, written = ".".join(map(str, octets)), dot.join(map(str, octets))
    expected = found(around.format(plain))
    assert (Kind.IP_ADDRESS in found(around.format(written))) == (Kind.IP_ADDRESS in expected)
    if Kind.IP_ADDRESS in expected:
        assert found(around.format(written))[Kind.IP_ADDRESS] == written


@pytest.mark.parametrize(
    ("text", "kind", "covered"),
    [
        ("10[.]1[.]2[.]3", Kind.IP_ADDRESS, "10[.]1[.]2[.]3"),
        ("84.23[.]91.17 was it", Kind.IP_ADDRESS, "84.23[.]91.17"),
        ("RewriteCond %{REMOTE_ADDR} ^84[.]23[.]91[.]17$", Kind.IP_ADDRESS, "^84[.]23[.]91[.]17"),
        ("2a02[:]8071[:]b81[:]5c00[:]1c2d[:]7f3e[:]9a01[:]44", Kind.IP_ADDRESS, None),
        ("ac[:]de[:]48[:]77[:]12[:]9f", Kind.MAC_ADDRESS, None),
        ("tilda[at]kettlewood[dot]berlin", Kind.EMAIL_ADDRESS, None),
        ("so tilda@kettlewood[.]swiss wrote", Kind.EMAIL_ADDRESS, "tilda@kettlewood[.]swiss"),
        ("tilda.b[@]kettlewood[.]co[.]uk", Kind.EMAIL_ADDRESS, None),
        ("4716[-]2093[-]8854[-]1728", Kind.PAYMENT_CARD, None),
        ("4716(.)2093(.)8854(.)1728", Kind.PAYMENT_CARD, None),
        ("4716[ ]2093[ ]8854[ ]1728", Kind.PAYMENT_CARD, None),
        ("536[-]22[-]1234", Kind.US_SSN, None),
        ("DE97[-]5121[-]0800[-]1245[-]1262[-]88", Kind.IBAN, None),
    ],
)
def test_what_stands_behind_brackets_is_found_and_covered_whole(text: str, kind: Kind, covered: str | None) -> None:
    assert found(text)[kind] == (covered or text)


@pytest.mark.parametrize(
    "text",
    [
        r're.compile(r"\d{4}[-]\d{4}[-]\d{4}[-]\d{4}")',
        "[0-9]{3}[-. ]?[0-9]{2}[-. ]?[0-9]{4}",
        "^192[.]0[.]2[.]1$ and 198[.]51[.]100[.]7 and 127[.]0[.]0[.]1 and 8[.]8[.]8[.]8",
        "python3[.]11[.]4 requires numpy==1[.]26[.]4[.]1, release 10[.]1[.]2[.]3, section 4[.]2[.]1[.]3",
        "user[at]example[.]com, noreply[at]kettlewood[.]net, logo[at]2x[.]png",
        "rows[at]index.count and x[1][2]-b[3].c[4] = y[-1].dot(z[:2]) @ a[:4]",
        "2024[-]01[-]15 at 10[:]30[:]00",
        "4111[-]1111[-]1111[-]1111",
        "git rev [4716209][8854172]",
    ],
)
def test_patterns_code_and_what_is_published_are_harmless(text: str) -> None:
    assert found(text) == {}


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["4", "71", ".", "[.]", "[", "]", "(dot)", " dot ", "[at]", "@", "a", "F", "[:]", "^",
                                 ":", "[-]", "e15", ".0", ",", " ", "4.716209388541728e15", "84231975.0"]), max_size=30)
       .map("".join))  # fmt: skip
def test_edits_lie_in_the_text_in_order_and_never_make_it_longer(text: str) -> None:
    for reader in (defanged, card_floats, whole_floats):
        edits = list(reader(text))
        assert all(e.start < e.end <= len(text) and len(e.plain) <= e.end - e.start for e in edits)
        assert all(one.end <= two.start for one, two in pairwise(edits))


@pytest.mark.parametrize("piece", ["1[.]", "a[.]", "a[:]", "F(:)", "9[-]", "4.71", "a[at]a.", "1 dot ", "[", "a."])
def test_long_rows_of_what_almost_fits_are_read_in_steps_that_grow_with_the_text(piece: str) -> None:
    for reader in (defanged, card_floats, whole_floats):
        assert len(list(reader(piece * 4000))) <= 4000


@pytest.mark.parametrize(
    "text",
    [
        "SELECT id, name FROM accounts WHERE id = 12345678.0",
        "ssn_missing_count = 123456789.0",
        "passport applications in 2023: 12345678.0",
    ],
)
def test_a_whole_float_is_no_more_than_the_number_without_its_point(text: str) -> None:
    assert set(found(text)) <= set(found(text.replace(".0", "")))


@pytest.mark.parametrize("number", ["4.213371337133713e+18", "6.214214214214214e+18", "4.716209388541728e+16"])
def test_digits_that_floating_point_has_lost_are_not_taken_for_zeros_of_a_card(number: str) -> None:
    assert found(f"simhash,count\n{number},3\nhash values {number}") == {}


def test_zeros_that_floating_point_leaves_out_of_a_card_number_are_read() -> None:
    digits = next(d for d in (f"471620938854{n}0" for n in range(100, 1000)) if luhn(d))
    written = f"{digits[0]}.{digits[1:].rstrip('0')}e+15"
    assert found(f"x {written}") == {Kind.PAYMENT_CARD: written}

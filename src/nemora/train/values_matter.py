# ruff: noqa: E501 (word lists)
"""What people say about themselves and their firms: pay, birth dates, pages, passwords, keys."""

from __future__ import annotations

import base64
import random
import string

from nemora.train.values_firm import FIRMS
from nemora.train.values_place import pattern

Draw = random.Random


def _words(line: str) -> list[str]:
    return line.split()


def url(draw: Draw) -> str:
    """A page of a person's or firm's own."""
    firm = draw.choice(FIRMS).lower().replace("_", "-")
    return draw.choice([f"https://www.{firm}.com/{draw.choice(['careers', 'u/4821', 'portal/login', 'a/b?id=77'])}", f"http://{firm}.de", f"www.linkedin.com/in/{firm}-{draw.randrange(100)}",
                        f"https://{firm}.sharepoint.com/sites/hr", f"https://github.com/{firm}/{draw.choice(['core', 'infra', 'billing'])}", f"{firm}.co.uk/team"])  # fmt: skip


def birth_date(lang: str, draw: Draw) -> str:
    """A date of birth in one of many forms."""
    y, m, d = draw.randrange(1932, 2021), draw.randrange(1, 13), draw.randrange(1, 29)
    if lang in ("zh", "ja"):
        return draw.choice([f"{y}年{m}月{d}日", f"{y}-{m:02}-{d:02}", f"{y}/{m}/{d}"])
    if lang == "ko":
        return draw.choice([f"{y}년 {m}월 {d}일", f"{y}.{m:02}.{d:02}", f"{y % 100:02}{m:02}{d:02}"])
    months = _MONTHS.get(lang, _MONTHS["en"]).split()
    if lang != "en":
        link = " de " if lang in ("es", "pt") else ". " if lang in ("de", "cs", "da", "no") else " "
        return draw.choice(
            [
                f"{d:02}.{m:02}.{y}",
                f"{d}/{m}/{y}",
                f"{d}{link}{months[m - 1]}{' de' if lang in ('es', 'pt') else ''} {y}",
                f"{d:02}-{m:02}-{y}",
                f"{y}-{m:02}-{d:02}",
                f"{d}.{m}.{y % 100:02}",
            ]
        )
    name = months[m - 1]
    return draw.choice(
        [
            f"{m:02}/{d:02}/{y}",
            f"{d:02}/{m:02}/{y}",
            f"{name} {d}, {y}",
            f"{d} {name} {y}",
            f"{y}-{m:02}-{d:02}",
            f"{m}/{d}/{y % 100:02}",
            f"{name[:3]} {d} {y}",
            f"{d}-{name[:3]}-{y}",
            f"{y}{m:02}{d:02}",
            f"{d}{name[:3].upper()}{y % 100:02}",
            f"{name.lower()} {d}th {y}",
            f"{d:02}.{m:02}.{y}",
        ]
    )


_MONTHS = {
    "en": "January February March April May June July August September October November December", "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre", "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre", "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december", "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря", "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık", "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}  # fmt: skip


def amount(lang: str, draw: Draw) -> str:
    """Money that somebody earns, owes or has."""
    n = draw.choice([draw.randrange(300, 9999), draw.randrange(18, 250) * 1000, draw.randrange(10000, 999999)])
    comma, dot = f"{n:,}", f"{n:,}".replace(",", ".")
    local = {"de": [f"{dot} €", f"{dot},00 EUR", f"{n} Euro"], "fr": [f"{comma.replace(',', ' ')} €", f"{n} euros"], "es": [f"{dot} €", f"{n} euros"], "it": [f"{dot} €", f"€ {dot}"], "pt": [f"R$ {dot},00", f"{dot} €"],
             "nl": [f"€ {dot}", f"€{n},-"], "pl": [f"{n} zł", f"{comma.replace(',', ' ')} zł"], "ru": [f"{n} руб.", f"{comma.replace(',', ' ')} ₽"], "zh": [f"{n}元", f"{draw.randrange(1, 90)}万", f"¥{comma}"], "ja": [f"{draw.randrange(18, 95)}万円", f"{comma}円", f"年収{draw.randrange(300, 1500)}万"],
             "ko": [f"{comma}원", f"{draw.randrange(200, 900)}만원"], "tr": [f"{dot} TL", f"{n} lira"], "ar": [f"{comma} ريال", f"{n} درهم"], "hi": [f"₹{comma}", f"{n} रुपये"], "sv": [f"{n} kr"], "cs": [f"{n} Kč"]}  # fmt: skip
    english = [
        f"${comma}",
        f"${comma}.{draw.randrange(100):02}",
        f"£{comma}",
        f"{draw.randrange(30, 240)}k",
        f"${draw.randrange(30, 240)}K",
        f"USD {comma}",
        f"{comma} dollars",
        f"€{comma}",
        f"₹{draw.randrange(4, 45)} LPA",
        f"{n}",
    ]
    return draw.choice(local.get(lang, english))


_WORDS = _words(
    "summer tiger coffee dragon monkey sunshine Berlin Chelsea maple pizza guitar rocket Willkommen soleil amigo shadow river banana falcon purple"
    "  teapot north varnish linen mortar crimson lighthouse harbour copper violet pepper walnut kitten hockey tractor cellar bishop magnet ribbon oyster saddle"
    " flieder amsel wolke mouette chaussette fromage limon naranja gatito vecchio zebra kawaii sakura jupiter comet anchor winter autumn freedom princess batman liverpool"
)


def password(draw: Draw) -> str:
    """A password as people type them, or as a manager makes them, or a PIN or one-time code."""
    word, other = draw.choice(_WORDS), draw.choice(_WORDS)
    leet = word.translate(str.maketrans("aeios", "@310$"))
    sign = draw.choice("!?#*$&.-_+/%")
    anything = string.ascii_letters + string.digits + "!#%&*+-=?@^_~"
    return draw.choice(
        [f"{word.title()}{draw.randrange(1, 2026)}{sign}", f"{leet}{draw.randrange(10, 999)}", f"{word}-{other}-{draw.choice(_WORDS)}-{draw.randrange(10, 99)}".lower(),
         "".join(draw.choices(anything, k=draw.randrange(9, 22))), pin(draw), f"{word.title()}_{other.title()}{sign}{draw.randrange(100)}", f"{word}{other}".lower() + str(draw.randrange(1, 100)),
         f"{leet.title()}@{draw.randrange(1950, 2026)}", "".join(draw.choices(string.ascii_lowercase + string.digits, k=draw.randrange(8, 13))), f"{word.title()}{sign}{other.title()}{draw.choice(['', str(draw.randrange(100))])}",
         f"{word.title()}{sign}{draw.randrange(1, 10)}{sign}{other.title()}", f"{word.lower()}{draw.randrange(1950, 2026)}"]
    )  # fmt: skip


def pin(draw: Draw) -> str:
    """A code of digits: of a card, a phone, a door, a message."""
    return pattern(
        draw.choice(
            ["####", "####", "######", "### ###", "###-###", "########", "#####", "####*", "#### ####", "#@####"]
        ),
        draw,
    )


_PLAIN_WORDS = _words(
    "goat barrel papaya cello pigeon drizzle parasol biscuit cedar gather helium trolley daisy comet cotton lobster valley stairs parrot melted elm village gravity danger"
    " seaside candle mirror piano rabbit saddle thunder garden puzzle silver engine butter window rocket planet summer yellow dinner ticket hammer basket spider"
    " cherry desert island jungle kitten lizard magnet noodle pepper quartz ribbon salmon tunnel walnut zebra anchor bridge copper dragon eagle forest guitar honey"
)


_DIGITS = _words("zero one two three four five six seven eight nine oh")


def passphrase(draw: Draw) -> str:
    """A password of plain words, or of digits said aloud."""
    if draw.random() < 0.3:
        return " ".join(draw.choice(_DIGITS) for _ in range(draw.randrange(4, 7)))
    words = draw.choices(_PLAIN_WORDS, k=draw.randrange(3, 6))
    return draw.choice([" ", " ", "-", "."]).join(words)


def recovery_phrase(draw: Draw) -> str:
    """The words from which a wallet can be restored."""
    return " ".join(draw.choices(_PLAIN_WORDS, k=draw.choice([12, 12, 24])))


def secret(draw: Draw) -> str:
    """A key or token of a machine."""

    def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(draw.choices(alphabet, k=count))

    return draw.choice(
        [
            "sk-" + draw.choice(["", "proj-", "ant-api03-"]) + letters(44),
            "gh" + draw.choice("ops") + "_" + letters(36),
            "AKIA" + letters(16, string.ascii_uppercase + "234567"),
            letters(40, string.ascii_letters + string.digits + "/+"),
            "xoxb-" + letters(12, string.digits) + "-" + letters(24),
            "sk_live_" + letters(24),
            "eyJhbGciOiJIUzI1NiJ9." + letters(40) + "." + letters(43),
            letters(draw.choice([32, 40, 64]), "0123456789abcdef"),
            "glpat-" + letters(20),
            base64.b64encode(draw.randbytes(24)).decode(),
            "AIza" + letters(35),
            draw.choice(["npm_", "pat_", "tok_", "key-", "hf_", "dop_v1_"]) + letters(30),
        ]
    )


def biometric(draw: Draw) -> str:
    """A template or vector taken from a body."""
    return draw.choice(
        [
            "[" + ", ".join(f"{draw.uniform(-1, 1):.4f}" for _ in range(draw.randrange(6, 14))) + "]",
            "464D5200" + "".join(draw.choices("0123456789ABCDEF", k=40)),
            base64.b64encode(draw.randbytes(36)).decode(),
        ]
    )

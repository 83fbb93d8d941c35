"""Tells a value in use from what stands for one: placeholders, variables, documentation samples. Also entropy."""

# ruff: noqa: SIM905 - long lists of words read better as text
from __future__ import annotations

import itertools
import math
import re
from collections import Counter

from nemora.privacy.detectors.public_values import SAMPLE_SECRETS

_REFERENCE = re.compile(
    r"\$\{|\$\(|\A\$[A-Za-z_]\w*\Z|\{\{|\{%|\A%[A-Za-z_]\w*%\Z|%\(\w+\)s|\A%[sdrv]\Z|\A<[^<>]{1,80}>\Z"
    r"|\A\[[A-Z][\w .:-]{0,60}\]\Z|\A\{\w{0,40}\}\Z"
    r"|<%|#\{|\A@[\w.-]+@\Z|\A:[A-Za-z_]\w*\Z|\A%d/|\AENC\[|(?:process|import\.meta)\.env|os\.(?:environ|getenv)|ENV\[|env\(|getenv|System\.getenv"
    r"|\Asecrets?\.[A-Za-z_]|\Avar\.\w"
    r"|vault:|ssm:|arn:aws:|\Adata\.\w+\.|\Alocal\.\w|op://|!(?:Ref|Sub|GetAtt|vault|secret)\b|ref\+"
    r"|projects/[\w-]+/secrets",
    re.IGNORECASE,
)
_MASK = re.compile(r"[*•●xX.…_#?-]+|(?:.{0,8})(?:\*{3,}|•{3,}|x{4,}|X{4,}|\.{3}|…)(?:.{0,8})")
_STAND_IN = re.compile(
    r"(?<![A-Za-z])(?:your|my-?own|example|placeholder|change[_ -]?(?:me|this|it)|replace(?:[_ -]?(?:me|this|with))?"
    r"|redacted|removed|masked|hidden|omitted"
    r"|insert|dummy|fake|sample|todo|fixme|goes[_ -]here|here|some[_ -]?(?:password|secret|key|token)|fill[_ -]?in"
    r"|not[_ -]a[_ -]real|foobar|foo|lorem)(?![A-Za-z])",
    re.IGNORECASE,
)
_HASH_OF = re.compile(r"hash(?:ed)?(?:[_-]?(?:password|pass|pw|value))?[_-]?\d{0,2}", re.IGNORECASE)
# Words that documentation uses for a secret, and literals of programming languages.
_WORDS = frozenset(
    """
    password passwd pass pwd passphrase passw0rd secret mysecret secretkey mysecretpassword mypassword my-secret-pw
    my_secret_password my_password my-password
    yourpassword your_password youpassword userpassword user_password dbpassword db_password strongpassword
    strong_password newpassword
    new_password oldpassword old_password testpassword test_password thepassword the_password securepassword
    secure_password apikey api_key api-key mytoken token key
    bar baz qux secretpassword wrong wrongpass wrongpassword wrong_password wrong-password incorrect invalid badpassword
    bad_password
    test testing example changeme postgres guest none null nil undefined true false string str text varchar char bytes
    int
    number object any optional required empty default value values unknown n/a na tbd blank void boolean bool
    secretstr env
    """.split()
)


def entropy(value: str) -> float:
    """Shannon entropy in bits a character."""
    counts = Counter(value)
    return -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values()) if value else 0.0


def is_placeholder(value: str) -> bool:
    """Whether a value only stands for a secret: `${TOKEN}`, `<password>`, `xxxx`, "changeme", or a published sample."""
    bare = value.strip("\"'`,; ")
    if not bare or bare in SAMPLE_SECRETS or bare.casefold() in _WORDS or len(set(re.sub(r"[-_. ]", "", bare))) <= 1:
        return True  # of one sign, also in groups: the nil UUID
    if _REFERENCE.search(bare) or _MASK.fullmatch(bare) or _HASH_OF.fullmatch(bare):
        return True
    return _STAND_IN.search(bare) is not None and entropy(bare) < 4.2


def is_counting(value: str) -> bool:
    """Whether the value walks along the alphabet or the digits (abcdef0123456789), as made-up keys do."""
    body = re.sub(r"[^A-Za-z0-9]", "", value).lower()[-64:]
    if len(body) < 12:
        return False
    steps = sum(
        ord(b) - ord(a) in (0, 1) or (a, b) in (("9", "0"), ("z", "0"), ("9", "a"), ("f", "0"))
        for a, b in itertools.pairwise(body)
    )
    return steps >= 0.95 * (len(body) - 1)


_WORDLIKE = re.compile(
    r"(?:[A-Za-z]{2,24}\d{0,2}|\d{1,4}[a-z]?|v\d{1,3})(?:[_\-./: ](?:[A-Za-z]{1,24}\d{0,2}|\d{1,4}[a-z]?|v\d{1,3}))*"
)


_DIGEST = re.compile(r"(?:md5|sha(?:1|224|256|384|512))[-=:]", re.IGNORECASE)
"""A digest that names its algorithm, as lock files and lists of files hold them."""


def looks_random(value: str) -> bool:
    """Whether a value that a key word announces is a key, and no name, path, sentence or number."""
    if (
        is_placeholder(value)
        or is_counting(value)
        or "://" in value
        or value.startswith(("/", "./", "../", "~/", "ssh-", "ecdsa-"))
        or _DIGEST.match(value)
        or value.isdigit()
    ):
        return False
    letters = [char for char in value if char.isalpha()]
    if not any(char.isdigit() for char in value):
        runs = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", value)  # words of a CamelCase name are longer than runs of chance
        return len(value) >= 20 and len(runs) >= 5 and len(letters) < 2.9 * len(runs) and entropy(value) >= 3.5
    if not letters or (_WORDLIKE.fullmatch(value) and not re.search(r"[0-9a-f]{12}|\d[a-z]\d", value)):
        return False
    return entropy(value) >= (3.0 if len(value) >= 16 else 2.7)

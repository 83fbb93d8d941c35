"""Access keys and tokens: by the issuers' formats, as JSON web tokens, in Authorization headers, and by key words."""

from __future__ import annotations

import base64
import binascii
import json
import re

from nemora.privacy.detectors.context import key_pattern, label_words, word
from nemora.privacy.detectors.key_rules import KEY_RULES, KeyRule
from nemora.privacy.detectors.placeholders import entropy, is_placeholder, looks_random
from nemora.privacy.detectors.vendor_rules import VENDOR_RULES
from nemora.privacy.finding import Kind
from nemora.privacy.literals import Literals
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern, QuickSet

_JWT = QuickPattern(
    r"(?<![\w.-])ey[A-Za-z0-9_-]{10,2000}\.ey[A-Za-z0-9_-]{5,8000}(?:\.[A-Za-z0-9_-]{10,2000})?(?![\w-])"
)
_SAMPLE_PAYLOADS = ({"sub": "1234567890", "name": "John Doe"}, {"some": "payload"})
_AUTHORIZATION = QuickPattern(r"(?i)\b(bearer|basic|token|apikey|digest)[ :]{1,2}\"?([A-Za-z0-9._~+/=-]{8,2000})")
_DOCKER_AUTH = QuickPattern(r"\"auth\"\s{0,4}:\s{0,4}\"([A-Za-z0-9+/]{8,400}={0,2})\"")
_WORDS = (
    r"(?:api|app|application|access|auth|authentication|secret|private|signing|encryption|master|session|service"
    r"|account|storage|subscription"
    r"|webhook|bot|client|consumer|deploy|shared|hmac|jwt|license|refresh|id|bearer|security|admin|user"
    r"|personal access|integration)[\s_.-]{0,2}"
    r"(?:keys?|tokens?|secrets?|credentials?)(?:[\s_-]?(?:base|value|id))?|secrets?|tokens?|creds?|credentials?"
    r"|apikeys?|salt"
    r"|api[\s-]?schlüssel|clave (?:api|de api|secreta)|clé (?:api|d'api|secrète)|chave (?:de )?api"
    r"|密钥|秘钥|令牌|apiキー|ключ"
)
# The word, perhaps "for the backend", then a sign of assignment and a value without spaces.
_KEYED = QuickPattern(
    rf"{word(_WORDS)}(?P<rest>[\w.-]{{0,30}})[\"'`\])]{{0,3}}(?:[ ](?:for|of|to|on|in)"
    rf"(?:[ ][\w'-]{{1,20}}){{1,4}})?[ \t]{{0,4}}"
    r"(?:\*\*|\\?[\"'`])?(?::=|=>|->|==?|:|：|＝|,(?=[ \t]{0,4}[\"'])|[ ](?:is|was|ist|est|es|é|to)(?::)?[ ]|是|为"
    r"|は)(?:\*\*|__)?[ \t\n]{0,4}(?:\[\]byte\(|Buffer\.from\(|[\[({])?\\?[\"'`“]?"
    r"(?P<value>[A-Za-z0-9_\-./+=~!@#$%^&*]{10,400})",
    re.IGNORECASE,
)
_KEY = key_pattern(_WORDS)
_NO_SECRET = re.compile(
    r"(?i)(?:page|next|prev|sync|cancell?ation|continuation|max|num|pad|eos|bos|unk|total|public|primary|foreign"
    r"|sort|partition)[\s_.-]{0,2}\Z"
)
_NO_SECRET_LABEL = re.compile(
    r"(?i)\b(?:page|next|prev|sync|max|public|primary|foreign|tokens|type|id|name|url|uri|path|file)\b"
)


class ApiKeyDetector:
    """Credentials of programs. Documentation samples and placeholders are no findings."""

    name = "api_key"

    def find(self, text: str, label: str) -> list[Match]:
        found: dict[tuple[int, int], float] = {}
        for span, confidence in [
            *_by_format(text),
            *(found for place in sorted(_SET.may(text)) for found in _BY_SET[place](text)),
            *_labelled(text, label),
        ]:
            found[span] = max(confidence, found.get(span, 0.0))
        return [Match(Kind.API_KEY, *span, confidence) for span, confidence in sorted(found.items())]


# What every vendor's token holds: fourteen characters without a space, a digit among them.
_RUN = re.compile(r"(?<![\w-])(?=[A-Za-z_=+/.:|-]{0,60}\d)[\w=+/.:|-]{14}")
Hits = list[tuple[tuple[int, int], float]]


def _with_keywords(*rules: KeyRule) -> tuple[tuple[KeyRule, ...], Literals]:
    return rules, Literals(keyword for rule in rules for keyword in rule.keywords)


_OWN_RULES, _ALL_RULES = _with_keywords(*KEY_RULES), _with_keywords(*KEY_RULES, *VENDOR_RULES)


def _by_format(text: str) -> Hits:
    lowered = text.lower()
    found: Hits = []
    rules, keywords = _ALL_RULES if _RUN.search(text) else _OWN_RULES
    there = keywords.there(lowered)
    for rule in rules if there else ():
        if there.isdisjoint(rule.keywords):
            continue
        for match in rule.pattern.finditer(text):
            value = match.group(1)
            # Names of things are written small and without digits (sk-learn-contrib); keys of chance are not.
            varied = any(char.isdigit() or char.isupper() for char in value)
            last = value.rsplit("/", 1)[-1]  # a webhook's secret
            if varied and not is_placeholder(last) and entropy(value) >= rule.entropy and not is_placeholder(value):
                found.append((match.span(1), rule.confidence))
    return found


def _tokens(text: str) -> Hits:
    """JSON web tokens: the header must be a JSON object that names an algorithm."""
    return [(m.span(), 0.95) for m in _JWT.finditer(text) if _is_token(m.group())]


def _is_token(token: str) -> bool:
    parts = token.split(".")
    header, payload = _json_part(parts[0]), _json_part(parts[1])
    if header is None or not ({"alg", "enc", "typ"} & header.keys()):
        return False
    return payload is None or not any(sample.items() <= payload.items() for sample in _SAMPLE_PAYLOADS)


def _json_part(part: str) -> dict[str, object] | None:
    try:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _headers(text: str) -> Hits:
    """Authorization headers."""
    found: Hits = []
    for match in _AUTHORIZATION.finditer(text):
        scheme, value = match[1].lower(), match[2].rstrip(".")
        if scheme == "basic":
            good = is_user_and_password(value)
        else:
            good = len(value) >= 16 and looks_random(value) and not value.startswith("eyJ")
        if good:
            found.append(((match.start(2), match.start(2) + len(value)), 0.9))
    return found


def _docker(text: str) -> Hits:
    """The same base64 of user:password in docker's configuration."""
    return [(m.span(1), 0.95) for m in _DOCKER_AUTH.finditer(text) if is_user_and_password(m[1])]


def is_user_and_password(encoded: str) -> bool:
    """Whether base64 hides `user:password`, and no published sample of it."""
    if is_placeholder(encoded):
        return False
    try:
        pair = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return False
    user, colon, password = pair.partition(":")
    return bool(colon and user) and pair.isprintable() and not is_placeholder(password)


def _keyed(text: str) -> Hits:
    if _KEY.search(text) is None:
        return []
    found: Hits = []
    for match in _KEYED.finditer(text):
        value = match["value"].rstrip(".,!*")
        before = text[max(0, match.start() - 16) : match.start()]
        called = text[match.end("value") : match.end("value") + 1] == "("
        if not called and looks_random(value) and not _NO_SECRET.search(before):
            found.append(((match.start("value"), match.start("value") + len(value)), 0.85 if len(value) >= 16 else 0.7))
    return found


_BY_SET = (_tokens, _headers, _docker, _keyed)
_SET = QuickSet((_JWT, _AUTHORIZATION, _DOCKER_AUTH, _KEYED))


def _labelled(text: str, label: str) -> Hits:
    """A field whose label says that it is a key."""
    if not label:
        return []
    words = label_words(label)
    value = text.strip()
    if not _KEY.search(words) or _NO_SECRET_LABEL.search(words) or len(value) < 8 or len(value.split()) != 1:
        return []
    start = len(text) - len(text.lstrip())
    return [((start, start + len(value)), 0.9)] if looks_random(value) else []

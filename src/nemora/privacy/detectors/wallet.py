"""Addresses and keys of cryptocurrencies whose own checksum holds: base58check (Bitcoin and its kin) and bech32."""

from __future__ import annotations

import hashlib

from nemora.privacy.detectors.context import key_pattern, names, near
from nemora.privacy.finding import Kind
from nemora.privacy.protocols import Match
from nemora.privacy.quick_pattern import QuickPattern

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_OLD = QuickPattern(r"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{26,35}(?![A-Za-z0-9])")
_KEY = QuickPattern(
    r"(?<![A-Za-z0-9])(?:[5KLc9][1-9A-HJ-NP-Za-km-z]{50,51}|[xyzt]prv[1-9A-HJ-NP-Za-km-z]{107})(?![A-Za-z0-9])"
)
_NEW = QuickPattern(r"(?<![A-Za-z0-9])(?:bc1|ltc1|tb1)[ac-hj-np-z02-9]{11,87}(?![A-Za-z0-9])")
_ETHER = QuickPattern(r"(?<![A-Za-z0-9])0x[0-9a-fA-F]{40}(?![A-Za-z0-9])")
_WORDS = key_pattern(
    r"wallet|btc|bitcoin|eth(?:ereum)?|ltc|litecoin|doge(?:coin)?|tron|trx|usdt|usdc|payout|crypto\w{0,8}"
)
# Bitcoin, Litecoin, Dogecoin, Dash and Tron: the first byte of the payload.
_ADDRESS_VERSIONS = frozenset({0x00, 0x05, 0x30, 0x32, 0x1E, 0x16, 0x4C, 0x41})
# The first address ever paid to, the burn address, and the samples of BIP 173.
_PUBLISHED = frozenset(
    {
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "1BitcoinEaterAddressDontSendf59kuE",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
        "5Kb8kLf9zgWQnogidDA76MzPL6TsZZY36hWXMssSzNydYXYB9KF",
    }
)


class WalletDetector:
    """An address is an account, and a key opens it."""

    name = "wallet"

    def find(self, text: str, label: str) -> list[Match]:
        found = [Match(Kind.PRIVATE_KEY, *m.span(), 0.98) for m in _KEY.finditer(text) if _is_key(m.group())]
        for match in _OLD.finditer(text):
            if match.group() not in _PUBLISHED and _is_address(match.group()):
                found.append(Match(Kind.BANK_ACCOUNT, *match.span(), 0.95))
        for match in _NEW.finditer(text) if "1" in text else ():
            if match.group() not in _PUBLISHED and is_bech32(match.group()):
                found.append(Match(Kind.BANK_ACCOUNT, *match.span(), 0.95))
        for match in (
            _ETHER.finditer(text) if "0x" in text else ()
        ):  # contracts look alike and are public: a word must stand near
            varied = len(set(match.group()[2:].lower())) > 6
            if varied and (names(_WORDS, label) or near(_WORDS, text, *match.span())):
                found.append(Match(Kind.BANK_ACCOUNT, *match.span(), 0.8))
        return found


def base58_payload(encoded: str) -> bytes | None:
    """The bytes before the four of the checksum, or None where it does not hold."""
    number = 0
    for char in encoded:
        number = number * 58 + _BASE58.index(char)
    zeros = len(encoded) - len(encoded.lstrip("1"))
    data = b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
    good = hashlib.sha256(hashlib.sha256(data[:-4]).digest()).digest()[:4] == data[-4:]
    return data[:-4] if good and len(data) > 4 else None


def _is_address(encoded: str) -> bool:
    if not any(char.isdigit() for char in encoded) or encoded.islower():
        return False
    payload = base58_payload(encoded)
    return payload is not None and len(payload) == 21 and payload[0] in _ADDRESS_VERSIONS


def _is_key(encoded: str) -> bool:
    """Wallet import format (0x80, testnet 0xEF), or an extended private key of 78 bytes."""
    payload = None if encoded in _PUBLISHED else base58_payload(encoded)
    return payload is not None and (len(payload) == 78 or (payload[0] in (0x80, 0xEF) and len(payload) in (33, 34)))


def is_bech32(address: str) -> bool:
    """BIP 173 (constant 1) or BIP 350 (its own constant)."""
    prefix, _, data = address.rpartition("1")
    values = [ord(char) >> 5 for char in prefix] + [0] + [ord(char) & 31 for char in prefix]
    check = 1
    for value in values + [_BECH32.find(char) for char in data]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> bit & 1 else 0
    return check in (1, 0x2BC830A3)

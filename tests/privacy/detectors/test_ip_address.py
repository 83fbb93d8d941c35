from __future__ import annotations

import pytest
from marked import check

from nemora.privacy.detectors.ip_address import IpAddressDetector

IP = IpAddressDetector()


@pytest.mark.parametrize(
    "text",
    [
        "from ⟦85.214.132.117⟧",
        "http://⟦85.214.132.117⟧:8080/x",
        '"ip": "⟦10.218.6.131⟧"',
        "host ⟦192.168.7.44⟧/24",
        "'mgr'@'⟦227.168.6.10⟧'",
        "⟦2a01:4f8:c0c:1234::1⟧",
        "[⟦2a01:4f8:c0c:1234::1⟧]:443",
        "⟦d80:e4b5:79da:6cf6:71f3:51f7:9161:c319⟧",
        "⟦fe80::1ff:fe23:4567:890a⟧%eth0",
        "server_ip=⟦85.214.132.117⟧",
        "ssh root@⟦85.214.132.117⟧",
    ],
)
def test_an_address_is_found(text: str) -> None:
    check(IP, text)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1 0.0.0.0 255.255.255.0 255.255.255.255",
        "192.0.2.44 198.51.100.7 203.0.113.9 2001:db8::7",
        "8.8.8.8 and 1.1.1.1 and 2606:4700:4700::1111",
        "version 85.21.13.11",
        "v85.21.13.11",
        "Chrome/91.0.44.12 Safari",
        "pip install x==85.21.13.11",
        "foo-85.21.13.11.tar.gz",
        "1.3.6.1.4.1.311",
        "256.1.1.1",
        "std::vector a::b x[1::2] ::1",
        "12:34:56",
        "section 85.21.13.11",
    ],
)
def test_reserved_addresses_and_versions_are_none(text: str) -> None:
    check(IP, text)

"""Any file: what it is, and all the texts in it."""

from __future__ import annotations

from collections.abc import Callable

from nemora.documents.archive import read_packed, read_tar, read_zip
from nemora.documents.document import Document
from nemora.documents.image import read_image
from nemora.documents.limits import Limits
from nemora.documents.mail import read_mail
from nemora.documents.ole import read_ole
from nemora.documents.pdf import read_pdf
from nemora.documents.plain import read_html, read_text
from nemora.documents.reading import Reading, Unreadable
from nemora.documents.rtf import read_rtf
from nemora.documents.sniff import kind_of
from nemora.documents.xml_file import read_xml

_READERS: dict[str, Callable[[bytes, Reading], None]] = {
    "text": read_text,
    "html": read_html,
    "xml": read_xml,
    "rtf": read_rtf,
    "zip": read_zip,
    "packed": read_packed,
    "tar": read_tar,
    "ole": read_ole,
    "email": read_mail,
    "image": read_image,
    "pdf": read_pdf,
}


def read_document(data: bytes, limits: Limits = Limits()) -> Document:  # noqa: B008 - frozen
    """All texts of a file, also hidden ones, and whether that is all it holds.

    Never raises for what `data` holds. It may take long (a limit on time is the caller's), and libraries that it uses
    are written in C: call it in a worker that may crash.
    """
    if len(data) > limits.input_bytes:
        return Document("unknown", (), complete=False, unread=("too_large",))
    reading = Reading.new(limits, _read_file)
    _read_file(data, reading)
    return Document(reading.kind, tuple(reading.passages), not reading.unread, tuple(sorted(reading.unread)))


def _read_file(data: bytes, reading: Reading) -> None:
    if reading.depth > reading.limits.depth:
        reading.lack("too_large")
        return
    reader = _READERS.get(kind_of(data))
    if reader is None:
        reading.lack("unknown_kind")
        return
    try:
        reader(data, reading)
    except Unreadable as error:
        reading.lack(error.code)
    except ImportError:
        reading.lack("missing_reader")
    except MemoryError:
        reading.lack("too_large")
    except Exception:  # noqa: BLE001 - a parser that met what its authors did not foresee: the file is not read
        reading.lack("damaged")

"""Office files: a value planted in any part is in some passage, and what is no text keeps the file from being complete."""

from __future__ import annotations

import pytest
from document_files import (
    RELATIONSHIPS,
    TINY_PNG,
    A,
    P,
    S,
    W,
    office,
    open_document,
    pack,
    paragraph,
    slides,
    text_of,
    word,
    workbook,
)

from nemora.documents.read import read_document

SECRET = "Zyx-4716-Q"
WORD = f'xmlns:w="{W}" xmlns:a="{A}"'
TRACKED = '<w:p><w:r><w:t>To </w:t></w:r><w:{0} w:author="x"><w:r><w:{1}>{2}</w:{1}></w:r></w:{0}></w:p>'
IN_WORD = {
    "body": word(paragraph(SECRET)),
    "split over runs": word(paragraph("Zyx-", "4716", "-Q")),
    "table": word(f"<w:tbl><w:tr><w:tc>{paragraph('Key')}</w:tc><w:tc>{paragraph(SECRET)}</w:tc></w:tr></w:tbl>"),
    "text box": word(f"<w:p><w:r><w:drawing><w:txbxContent>{paragraph(SECRET)}</w:txbxContent></w:drawing></w:r></w:p>"),
    "hidden text": word(f"<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>{SECRET}</w:t></w:r></w:p>"),
    "deleted": word(TRACKED.format("del", "delText", SECRET)),
    "moved from": word(TRACKED.format("moveFrom", "t", SECRET)),
    "inserted": word(TRACKED.format("ins", "t", SECRET)),
    "field": word(f"<w:p><w:r><w:instrText>HYPERLINK {SECRET[:5]}</w:instrText></w:r><w:r><w:instrText>{SECRET[5:]}</w:instrText></w:r></w:p>"),
    "alt text": word(f'<w:p><w:r><w:drawing><docPr xmlns="{A}" id="1" name="n" descr="{SECRET}"/></w:drawing></w:r></w:p>'),
    "content control": word('<w:sdt><w:sdtPr><w:alias w:val="Zyxq"/></w:sdtPr></w:sdt>'),
    "symbols": word("<w:p>" + "".join(f'<w:r><w:sym w:font="Symbol" w:char="F0{ord(letter):02X}"/></w:r>' for letter in SECRET) + "</w:p>"),
    "word art": word(f'<w:pict><v:textpath xmlns:v="urn:schemas-microsoft-com:vml" string="{SECRET}"/></w:pict>'),
    "header": word("", {"word/header1.xml": f"<w:hdr {WORD}>{paragraph(SECRET)}</w:hdr>"}),
    "footer": word("", {"word/footer2.xml": f"<w:ftr {WORD}>{paragraph(SECRET)}</w:ftr>"}),
    "footnote": word("", {"word/footnotes.xml": f"<w:footnotes {WORD}><w:footnote>{paragraph(SECRET)}</w:footnote></w:footnotes>"}),
    "comment": word("", {"word/comments.xml": f"<w:comments {WORD}><w:comment>{paragraph(SECRET)}</w:comment></w:comments>"}),
    "comment's author": word("", {"word/comments.xml": f'<w:comments {WORD}><w:comment w:author="{SECRET}"/></w:comments>'}),
    "property": word("", {"docProps/core.xml": f'<c:p xmlns:c="http://schemas.openxmlformats.org/x" xmlns:d="http://purl.org/dc/elements/1.1/"><d:creator>{SECRET}</d:creator></c:p>'}),
    "custom XML": word("", {"customXml/item1.xml": f"<a><b>{SECRET}</b></a>"}),
    "attribute of custom XML": word("", {"customXml/item1.xml": f"<a b='{SECRET}'/>"}),
    "comment in XML": word("", {"customXml/item1.xml": f"<a><!-- {SECRET} --></a>"}),
    "external link": word("", {"word/_rels/document.xml.rels": f'<R xmlns="{RELATIONSHIPS}"><Relationship Id="r" TargetMode="External" Target="http://h/{SECRET}"/></R>'}),
    "variable": word("", {"word/settings.xml": f'<w:settings {WORD}><w:docVars><w:docVar w:name="n" w:val="{SECRET}"/></w:docVars></w:settings>'}),
    "chart": word("", {"word/charts/chart1.xml": f'<c:c xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"><c:v>{SECRET}</c:v></c:c>'}),
    "name of a part": word("", {f"word/{SECRET}.xml": "<a/>"}),
    "any other part": word("", {"word/other.xml": f"<a>{SECRET}</a>"}),
    "embedded workbook": word("", {"word/embeddings/w.xlsx": workbook('<row r="1"><c r="A1" t="s"><v>0</v></c></row>', (SECRET,))}),
    "embedded text": word("", {"word/embeddings/w.bin": SECRET}),
    "comment of the zip": pack({"[Content_Types].xml": "<Types/>", "word/document.xml": "<a/>"}, comment=SECRET.encode()),
}  # fmt: skip
CELL = '<row r="{0}"{1}><c r="A{0}"{2}>{3}</c></row>'
IN_WORKBOOK = {
    "shared string": workbook(CELL.format(1, "", ' t="s"', "<v>0</v>"), (SECRET,)),
    "string that no cell shows": workbook(CELL.format(1, "", ' t="s"', "<v>0</v>"), ("shown", SECRET)),
    "inline string": workbook(CELL.format(1, "", ' t="inlineStr"', f"<is><t>{SECRET}</t></is>")),
    "hidden row": workbook(CELL.format(1, ' hidden="1"', ' t="s"', "<v>0</v>"), (SECRET,)),
    "formula": workbook(CELL.format(1, "", "", f'<f>CONCAT("{SECRET}")</f><v>1</v>')),
    "beside a formula": workbook(CELL.format(1, "", "", f'<f note="{SECRET}">1</f>')),
    "result": workbook(CELL.format(1, "", ' t="str"', f"<f>A2</f><v>{SECRET}</v>")),
    "hidden sheet": workbook("", (), {"xl/worksheets/sheet7.xml": f'<worksheet xmlns="{S}"><sheetData>{CELL.format(1, "", " t=" + chr(34) + "str" + chr(34), f"<v>{SECRET}</v>")}</sheetData></worksheet>'}),
    "sheet's name": workbook("", (), {"xl/workbook.xml": f'<workbook xmlns="{S}"><sheets><sheet name="{SECRET}" state="veryHidden"/></sheets></workbook>'}),
    "defined name": workbook("", (), {"xl/workbook.xml": f'<workbook xmlns="{S}"><definedNames><definedName name="n">"{SECRET}"</definedName></definedNames></workbook>'}),
    "comment": workbook("", (), {"xl/comments1.xml": f'<comments xmlns="{S}"><commentList><comment><text><r><t>{SECRET[:4]}</t></r><r><t>{SECRET[4:]}</t></r></text></comment></commentList></comments>'}),
    "header": workbook("</sheetData><headerFooter><oddHeader>&amp;C" + SECRET + "</oddHeader></headerFooter><sheetData>"),
    "validation": workbook(f'</sheetData><dataValidations><dataValidation prompt="{SECRET}"/></dataValidations><sheetData>'),
    "pivot cache": workbook("", (), {"xl/pivotCache/pivotCacheDefinition1.xml": f'<p xmlns="{S}"><sharedItems><s v="{SECRET}"/></sharedItems></p>'}),
    "external workbook": workbook("", (), {"xl/externalLinks/externalLink1.xml": f'<e xmlns="{S}"><cell r="A1"><v>{SECRET}</v></cell></e>'}),
    "connection": workbook("", (), {"xl/connections.xml": f'<c xmlns="{S}"><dbPr connection="Server=h;Password={SECRET}"/></c>'}),
    "custom property": workbook("", (), {"docProps/custom.xml": f'<P xmlns="http://schemas.openxmlformats.org/x"><property name="k"><lpwstr>{SECRET}</lpwstr></property></P>'}),
}  # fmt: skip
PRESENTATION = f'xmlns:p="{P}" xmlns:a="{A}"'
IN_SLIDES = {
    "slide": slides(SECRET),
    "notes": slides("", {"ppt/notesSlides/notesSlide1.xml": f"<p:notes {PRESENTATION}><a:p><a:r><a:t>{SECRET}</a:t></a:r></a:p></p:notes>"}),
    "comment": slides("", {"ppt/comments/comment1.xml": f"<p:cmLst {PRESENTATION}><p:cm><p:text>{SECRET}</p:text></p:cm></p:cmLst>"}),
    "table": slides(f"</a:t></a:r></a:p></p:txBody><a:tbl><a:tr><a:tc><a:p><a:r><a:t>{SECRET}</a:t></a:r></a:p></a:tc></a:tr></a:tbl><p:txBody><a:p><a:r><a:t>"),
    "alt text": slides(f"</a:t></a:r></a:p></p:txBody><p:cNvPr id='1' name='x' title='{SECRET}'/><p:txBody><a:p><a:r><a:t>"),
    "layout": slides("", {"ppt/slideLayouts/slideLayout1.xml": f"<p:l {PRESENTATION}><a:p><a:r><a:t>{SECRET}</a:t></a:r></a:p></p:l>"}),
}  # fmt: skip
DELETION = "<text:tracked-changes><text:changed-region><text:deletion><text:p>{}</text:p></text:deletion></text:changed-region></text:tracked-changes>"
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
IN_OPEN_DOCUMENT = {
    "paragraph": open_document("text", "<text:p>Zyx-<text:span>4716-Q</text:span></text:p>"),
    "heading": open_document("text", f"<text:h>{SECRET}</text:h>"),
    "note": open_document("text", f"<text:p>a<text:note><text:note-body><text:p>{SECRET}</text:p></text:note-body></text:note></text:p>"),
    "comment": open_document("text", f"<text:p>a<office:annotation><text:p>{SECRET}</text:p></office:annotation></text:p>"),
    "deletion": open_document("text", DELETION.format(SECRET)),
    "table": open_document("text", f"<table:table><table:table-row><table:table-cell><text:p>{SECRET}</text:p></table:table-cell></table:table-row></table:table>"),
    "cell": open_document("spreadsheet", f"<table:table><table:table-row table:visibility='collapse'><table:table-cell><text:p>{SECRET}</text:p></table:table-cell></table:table-row></table:table>"),
    "formula": open_document("spreadsheet", f"<table:table><table:table-row><table:table-cell table:formula='of:={SECRET}'/></table:table-row></table:table>"),
    "value of a cell": open_document("spreadsheet", f"<table:table><table:table-row><table:table-cell office:value='{SECRET}'/></table:table-row></table:table>"),
    "name of a sheet": open_document("spreadsheet", f"<table:table table:name='{SECRET}'/>"),
    "metadata": open_document("text", "", {"meta.xml": f"<office:m xmlns:office='{OFFICE}'><c>{SECRET}</c></office:m>"}),
    "footer": open_document("text", "", {"styles.xml": f"<s xmlns='urn:oasis:names:tc:opendocument:xmlns:style:1.0'><footer><p>{SECRET}</p></footer></s>"}),
    "object": open_document("text", "", {"Object 1/content.xml": f"<a>{SECRET}</a>"}),
    "embedded file": open_document("text", "", {"ObjectReplacements/1": SECRET}),
}  # fmt: skip
PLANTED = [
    *(("docx", place, data) for place, data in IN_WORD.items()),
    *(("xlsx", place, data) for place, data in IN_WORKBOOK.items()),
    *(("pptx", place, data) for place, data in IN_SLIDES.items()),
    *(("od", place, data) for place, data in IN_OPEN_DOCUMENT.items()),
]


@pytest.mark.parametrize(("kind", "place", "data"), PLANTED, ids=[f"{kind}-{place}" for kind, place, _ in PLANTED])
def test_a_value_in_any_place_is_read(kind: str, place: str, data: bytes) -> None:
    document = read_document(data)
    assert document.kind.startswith(kind)
    assert ("Zyxq" if place == "content control" else SECRET) in text_of(document)
    assert document.complete, document.unread


def test_deleted_and_inserted_text_are_not_mixed() -> None:
    changed = (
        "<w:p><w:del><w:r><w:delText>Otto</w:delText></w:r></w:del><w:ins><w:r><w:t>Anna</w:t></w:r></w:ins></w:p>"
    )
    texts = {passage.where: passage.text for passage in read_document(word(changed)).passages}
    assert (texts["body"], texts["body/deleted"]) == ("Anna", "Otto")


def test_cells_are_labelled_by_their_header() -> None:
    rows = '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row><row r="2"><c r="A2"><v>7</v></c><c r="C2"><v>78051120</v></c></row>'
    passages = read_document(workbook(rows, ("Nr", "SSN"))).passages
    assert ("sheet/1/row/2", "78051120", "SSN") in {(p.where, p.text, p.label) for p in passages}


def test_cells_of_open_sheets_are_labelled_across_repeated_ones() -> None:
    cell = "<table:table-cell table:number-columns-repeated='{1}'><text:p>{0}</text:p></table:table-cell>"
    rows = [("Nr", 1), ("", 3), ("SSN", 1)], [("7", 1), ("", 1), ("", 2), ("78051120", 1)]
    xml = "".join("<table:table-row>" + "".join(cell.format(*c) for c in row) + "</table:table-row>" for row in rows)
    passages = read_document(open_document("spreadsheet", f"<table:table>{xml}</table:table>")).passages
    assert ("78051120", "SSN") in {(passage.text, passage.label) for passage in passages}


def test_numbers_that_are_shown_as_dates_are_read_as_dates() -> None:
    styles = f'<styleSheet xmlns="{S}"><numFmts><numFmt numFmtId="170" formatCode="yyyy/mm/dd"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="170"/></cellXfs></styleSheet>'
    rows = '<row r="1"><c r="A1" s="1"><v>29222</v></c><c r="B1" s="0"><v>4.716209388541728E15</v></c></row>'
    assert "1980-01-02\t4716209388541728" in text_of(read_document(workbook(rows, (), {"xl/styles.xml": styles})))


@pytest.mark.parametrize(
    ("code", "data"),
    [
        ("macro", word("", {"word/vbaProject.bin": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)})),
        ("macro", workbook("", (), {"xl/macrosheets/sheet1.xml": f'<m xmlns="{S}"/>'})),
        ("macro", open_document("text", "", {"Basic/Standard/Module1.xml": "<m/>"})),
        ("image", word("", {"word/media/image1.png": TINY_PNG})),
        ("image", slides("", {"docProps/thumbnail.jpeg": TINY_PNG})),
        ("image", word(f'<w:p><w:r><a:path>{"<a:cubicBezTo/>" * 99}</a:path></w:r></w:p>')),
        ("unknown_kind", word("", {"word/embeddings/oleObject1.bin": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)})),
        ("unknown_kind", workbook("", (), {"xl/printerSettings/printerSettings1.bin": bytes(range(256))})),
        ("encrypted", open_document("text", "", {"META-INF/manifest.xml": "<m><encryption-data/></m>"})),
        ("damaged", word("<w:p>")),
        ("damaged", workbook('<row r="1"><c r="A1" t="s"><v>9</v></c></row>', ("only one",))),
        ("encrypted", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")),
        ("unknown_kind", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)),
    ],
)  # fmt: skip
def test_what_is_no_text_keeps_a_file_from_being_complete(code: str, data: bytes) -> None:
    assert code in read_document(data).unread


def test_layout_makes_no_passages() -> None:
    layout = '<w:sectPr><w:pgSz w:w="11906" w:h="16838"/><w:color w:val="FF00AA"/><w:jc w:val="center"/></w:sectPr>'
    places = {passage.where for passage in read_document(word(paragraph("Hello") + layout)).passages}
    assert places == {"names", "body"}


def test_an_office_file_needs_no_names_to_be_known() -> None:
    assert read_document(office({"word/document.xml": "<a/>"})).kind == "docx"
    assert read_document(pack({"word/document.xml": "<a/>"})).kind == "archive"

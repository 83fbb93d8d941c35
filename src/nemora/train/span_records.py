# ruff: noqa: E501 (tables)
"""Records with named fields, in the layouts of forms, tables, programs and databases: any fields in any order."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from nemora.train.span_slots import Scene
from nemora.train.span_text import Piece, SpanText, joined

FIELDS: dict[str, dict[str, str]] = {
    "en": {
        "name": "Name|Full name|Customer|Employee|Contact|Patient|Account holder|Tenant|Cardholder|Prepared by",
        "given": "First name|Given name|first_name|fname", "surname": "Last name|Surname|last_name|Family name|lname",
        "inverted": "Name (last, first)|Student", "email": "E-mail|Email|email_address|Mail|Contact email",
        "phone": "Phone|Tel|Mobile|phone_number|Cell|Emergency contact", "address": "Address|Home address|Ship to|Billing address",
        "street": "Street|addr_line1", "city": "City|Town|Place of birth", "state": "State|Province", "zip": "ZIP|Postal code|Postcode",
        "born": "DOB|Date of birth|Birth date|birthdate|Born", "govid": "SSN|National ID|NI number|ID number|id_no", "tax": "Tax ID|TIN|VAT number|EIN|UTR|PAN|ABN|GSTIN|tax_number|Taxpayer no.|VAT Reg No|ITIN",
        "passport": "Passport|Passport no.|passport_number|Travel document|PPT", "licence": "Driver license|DL#|Licence no|Driver's licence number|dl_number|DLN|License #", "card": "Card number|Credit card|PAN|card_no",
        "iban": "IBAN|iban", "account": "Account no|Account number|acct", "routing": "Routing number|BIC|SWIFT|Sort code|Bank code", "sort": "Sort code|IFSC|BSB|Transit no.|Branch code", "bic": "SWIFT code|BIC/SWIFT|bic_code", "aba": "ABA|RTN|ACH routing|routing_no", "box": "Apt/Suite|Address line 2|addr2|Unit|Flat/Floor|PO Box|Suite", "mrn": "MRN|Medical record|Patient ID|chart no",
        "record": "Employee ID|Customer no.|Member ID|Case number|Policy|Claim no|student_id|Badge|File ref", "condition": "Diagnosis|Condition|Reason for visit|Dx|Chronic illness",
        "medicine": "Medication|Rx|Current drugs|Prescription", "org": "Company|Employer|Organisation|Bank|Vendor|Client|Hospital", "project": "Project|Code name|Programme",
        "amount": "Salary|Annual income|Balance due|Base pay|Outstanding debt|Compensation", "user": "Username|login|user|User ID", "handle": "Instagram|Twitter|handle|Discord|Telegram",
        "password": "Password|pwd|pass|PIN|passphrase|OTP", "secret": "API key|token|client_secret|access_key|auth", "host": "Host|Server|hostname|node",
        "ip": "IP|ip_address|remote_addr|Client IP", "mac": "MAC|mac_address|hwaddr", "device": "Device ID|IMEI|Serial", "plate": "Plate|License plate|Registration", "vin": "VIN|Chassis no",
        "geo": "Location|GPS|latlng|Coordinates", "biometric": "Fingerprint template|face_embedding|voiceprint", "url": "Website|URL|Homepage",
        "date": "Date|Created|Due date|Last login|Hired|updated_at", "order": "Order|Invoice no|Tracking|Order ID|PO", "uuid": "request_id|trace|session|UUID", "sha": "commit|hash|etag|checksum",
        "version": "Version|release|build", "int": "Count|Qty|Age|size|retries|Rows", "float": "Score|weight|Total|ratio|duration", "price": "Price|Unit price|Shipping|Budget", "sku": "SKU|Item|Model|Part no", "isbn": "ISBN",
    },
    "de": {
        "name": "Name|Kunde|Ansprechpartner|Mitarbeiter|Versicherter|Patient", "given": "Vorname", "surname": "Nachname|Familienname", "email": "E-Mail|Mail", "phone": "Telefon|Handy|Tel.|Mobil",
        "address": "Anschrift|Adresse|Wohnort", "zip": "PLZ", "city": "Ort|Stadt|Geburtsort", "born": "Geburtsdatum|geb. am|Geboren", "govid": "Sozialversicherungsnummer|Rentenversicherungsnr.", "tax": "Steuer-ID|USt-IdNr.|Steuernummer",
        "iban": "IBAN|Bankverbindung", "card": "Kreditkarte|Kartennummer", "record": "Personalnummer|Kundennr.|Aktenzeichen|Versicherungsnummer", "condition": "Diagnose|Befund", "medicine": "Medikation", "org": "Firma|Arbeitgeber|Klinik",
        "amount": "Gehalt|Kontostand|Offener Betrag", "password": "Passwort|Kennwort|PIN", "plate": "Kennzeichen", "passport": "Reisepass-Nr.|Passnummer", "licence": "Führerschein-Nr.|Führerscheinnummer", "bic": "BIC", "sort": "BLZ|Bankleitzahl", "account": "Kontonummer", "box": "Etage|Wohnung|Adresszusatz|Postfach", "project": "Projekt|Codename", "host": "Server|Rechner", "handle": "Instagram", "user": "Benutzername|Login", "date": "Datum|Erstellt", "order": "Bestellnummer|Rechnungsnr.", "int": "Menge|Anzahl", "price": "Preis|Summe",
    },
    "fr": {
        "name": "Nom et prénom|Client|Titulaire|Salarié", "given": "Prénom", "surname": "Nom", "email": "Courriel|E-mail", "phone": "Téléphone|Tél.|Portable", "address": "Adresse|Domicile", "born": "Date de naissance|Né(e) le",
        "govid": "N° de sécurité sociale|NIR", "iban": "IBAN|RIB", "record": "N° client|Matricule|Dossier", "condition": "Diagnostic", "org": "Société|Employeur", "amount": "Salaire|Solde", "password": "Mot de passe|Code",
        "passport": "Passeport|N° de passeport", "licence": "Permis de conduire|N° de permis", "tax": "N° fiscal|SIRET|N° TVA", "bic": "BIC", "box": "Complément d'adresse|Étage|Bâtiment", "medicine": "Traitement|Médicaments", "user": "Identifiant", "plate": "Immatriculation", "date": "Date", "order": "N° de commande|Facture", "int": "Quantité", "price": "Prix|Total",
    },
    "es": {
        "name": "Nombre y apellidos|Cliente|Titular|Paciente", "given": "Nombre", "surname": "Apellidos", "email": "Correo", "phone": "Teléfono|Móvil", "address": "Dirección|Domicilio", "born": "Fecha de nacimiento", "govid": "DNI|NIE|Documento",
        "iban": "IBAN|Cuenta", "record": "N.º de cliente|Expediente|Póliza", "condition": "Diagnóstico", "medicine": "Medicación", "org": "Empresa", "amount": "Salario|Deuda", "password": "Contraseña|Clave", "plate": "Matrícula", "passport": "Pasaporte|N.º de pasaporte", "licence": "Permiso de conducir|Licencia", "tax": "NIF|CIF|RFC|NIT|RUT", "bic": "BIC|SWIFT", "box": "Piso|Puerta|Depto", "user": "Usuario", "host": "Servidor", "project": "Proyecto", "date": "Fecha", "order": "Pedido|Factura", "int": "Cantidad", "price": "Precio",
    },
    "zh": {"name": "姓名|客户|联系人", "phone": "电话|手机", "address": "地址|住址", "born": "出生日期|生日", "govid": "身份证号", "email": "邮箱", "org": "公司|单位", "amount": "工资|余额", "condition": "诊断", "medicine": "用药", "card": "卡号", "record": "工号|案号|客户编号", "password": "密码", "plate": "车牌|车牌号", "passport": "护照号|护照号码", "licence": "驾驶证号", "tax": "税号|纳税人识别号", "bic": "SWIFT", "box": "门牌|房号", "handle": "微信号", "project": "项目代号", "date": "日期", "order": "订单号", "int": "数量"},
    "ja": {"name": "氏名|お名前|担当者", "phone": "電話番号|携帯", "address": "住所", "born": "生年月日", "govid": "マイナンバー", "email": "メール", "org": "会社名|勤務先", "amount": "年収|給与|残高", "condition": "診断名|病名", "medicine": "処方薬", "passport": "旅券番号|パスポート", "licence": "免許証番号", "box": "部屋番号|建物名", "bic": "SWIFT", "tax": "登録番号|法人番号", "plate": "ナンバー", "project": "プロジェクト名", "record": "社員番号|顧客番号", "password": "パスワード", "date": "日付", "order": "注文番号", "int": "数量"},
    "ko": {"name": "이름|성명|고객명", "phone": "전화번호|휴대폰", "address": "주소", "born": "생년월일", "govid": "주민등록번호", "email": "이메일", "org": "회사|소속", "amount": "연봉|잔액", "condition": "진단명", "medicine": "처방약", "passport": "여권번호", "licence": "운전면허번호|면허번호", "tax": "사업자등록번호", "box": "상세주소|동호수", "plate": "차량번호", "bic": "SWIFT", "project": "프로젝트명", "record": "사번|고객번호", "password": "비밀번호", "date": "날짜", "order": "주문번호", "int": "수량"},
    "ru": {"name": "ФИО|Клиент|Пациент", "phone": "Телефон", "address": "Адрес", "born": "Дата рождения", "govid": "СНИЛС", "email": "Почта", "org": "Компания|Работодатель", "amount": "Зарплата|Долг", "condition": "Диагноз", "medicine": "Препараты", "passport": "Паспорт|Номер паспорта", "licence": "Водительское удостоверение|ВУ", "tax": "ИНН", "sort": "БИК", "box": "Квартира|Офис", "plate": "Госномер", "record": "Табельный номер|Дело", "password": "Пароль", "date": "Дата", "order": "Заказ", "int": "Количество"},
    "pt": {"name": "Nome completo|Cliente|Paciente", "phone": "Telefone|Celular", "address": "Endereço", "born": "Data de nascimento", "govid": "CPF", "passport": "Passaporte", "licence": "CNH|Carta de condução", "tax": "CNPJ|NIF|Contribuinte", "box": "Complemento|Andar", "plate": "Placa|Matrícula", "medicine": "Medicamentos", "email": "E-mail", "org": "Empresa", "amount": "Salário|Saldo", "condition": "Diagnóstico", "record": "Matrícula|Processo", "password": "Senha", "date": "Data", "order": "Pedido"},
    "it": {"name": "Nome e cognome|Cliente|Paziente", "phone": "Telefono|Cellulare", "address": "Indirizzo|Residenza", "born": "Data di nascita", "govid": "Codice fiscale", "passport": "Passaporto", "licence": "Patente|N. patente", "tax": "Partita IVA|P.IVA", "box": "Interno|Scala", "plate": "Targa", "medicine": "Terapia|Farmaci", "bic": "BIC", "email": "Email", "iban": "IBAN", "org": "Azienda", "amount": "Stipendio|Saldo", "condition": "Diagnosi", "record": "Matricola|Pratica", "password": "Password", "date": "Data", "order": "Ordine"},
}  # fmt: skip

FIELDS |= {
    "nl": {"name": "Naam|Klant|Patiënt", "phone": "Telefoon|Mobiel", "address": "Adres", "born": "Geboortedatum", "govid": "BSN", "passport": "Paspoortnummer", "licence": "Rijbewijsnummer", "tax": "Btw-nummer|RSIN", "iban": "IBAN", "bic": "BIC", "box": "Postbus|Bus|Toevoeging", "org": "Bedrijf|Werkgever", "condition": "Diagnose", "medicine": "Medicatie", "plate": "Kenteken", "record": "Klantnummer|Dossier", "date": "Datum", "order": "Bestelnummer", "int": "Aantal"},
    "pl": {"name": "Imię i nazwisko|Klient|Pacjent", "phone": "Telefon", "address": "Adres", "born": "Data urodzenia", "govid": "PESEL", "passport": "Nr paszportu", "licence": "Nr prawa jazdy", "tax": "NIP", "iban": "Nr rachunku", "org": "Firma|Pracodawca", "condition": "Rozpoznanie", "medicine": "Leki", "plate": "Nr rejestracyjny", "record": "Nr klienta|Sygnatura", "date": "Data", "order": "Zamówienie", "int": "Ilość"},
    "tr": {"name": "Ad Soyad|Müşteri|Hasta", "phone": "Telefon", "address": "Adres", "born": "Doğum tarihi", "govid": "T.C. Kimlik No", "passport": "Pasaport No", "licence": "Ehliyet No", "tax": "Vergi No", "iban": "IBAN", "org": "Şirket", "condition": "Tanı", "medicine": "İlaç", "plate": "Plaka", "record": "Müşteri No|Dosya", "date": "Tarih", "order": "Sipariş", "int": "Adet"},
    "ar": {"name": "الاسم|العميل|المريض", "phone": "الهاتف|الجوال", "address": "العنوان", "born": "تاريخ الميلاد", "govid": "رقم الهوية", "passport": "رقم الجواز", "licence": "رقم الرخصة", "tax": "الرقم الضريبي", "iban": "الآيبان", "org": "الشركة|جهة العمل", "condition": "التشخيص", "medicine": "الدواء", "plate": "رقم اللوحة", "record": "رقم الملف", "date": "التاريخ", "order": "رقم الطلب", "int": "الكمية"},
    "hi": {"name": "नाम|ग्राहक|मरीज़", "phone": "फ़ोन|मोबाइल", "address": "पता", "born": "जन्म तिथि", "govid": "आधार", "passport": "पासपोर्ट नंबर", "licence": "ड्राइविंग लाइसेंस", "tax": "पैन|जीएसटी", "sort": "IFSC", "account": "खाता संख्या", "org": "कंपनी", "condition": "बीमारी|निदान", "medicine": "दवा", "plate": "गाड़ी नंबर", "record": "केस नंबर", "date": "तारीख", "order": "ऑर्डर", "int": "संख्या"},
    "sv": {"name": "Namn|Kund", "phone": "Telefon", "address": "Adress", "govid": "Personnummer", "passport": "Passnummer", "licence": "Körkortsnummer", "tax": "Momsnr|Org.nr", "box": "Lägenhet|Box", "org": "Företag|Arbetsgivare", "condition": "Diagnos", "medicine": "Läkemedel", "plate": "Regnr", "date": "Datum", "order": "Order", "int": "Antal"},
    "uk": {"name": "ПІБ|Клієнт|Пацієнт", "phone": "Телефон", "address": "Адреса", "born": "Дата народження", "passport": "Паспорт", "licence": "Посвідчення водія", "tax": "ІПН|ЄДРПОУ", "org": "Компанія", "condition": "Діагноз", "medicine": "Ліки", "plate": "Номер авто", "date": "Дата", "order": "Замовлення", "int": "Кількість"},
    "id": {"name": "Nama|Pelanggan|Pasien", "phone": "No. HP|Telepon", "address": "Alamat", "born": "Tanggal lahir", "govid": "NIK", "passport": "No. paspor", "licence": "No. SIM", "tax": "NPWP", "box": "RT/RW|Unit", "org": "Perusahaan", "condition": "Diagnosa", "medicine": "Obat", "plate": "Plat nomor", "date": "Tanggal", "order": "Pesanan", "int": "Jumlah"},
    "vi": {"name": "Họ và tên|Khách hàng|Bệnh nhân", "phone": "Điện thoại|SĐT", "address": "Địa chỉ", "born": "Ngày sinh", "govid": "CCCD|Số CMND", "passport": "Số hộ chiếu", "licence": "Số GPLX", "tax": "Mã số thuế", "org": "Công ty", "condition": "Chẩn đoán", "medicine": "Thuốc", "plate": "Biển số", "date": "Ngày", "order": "Mã đơn", "int": "Số lượng"},
    "fa": {"name": "نام و نام خانوادگی|مشتری|بیمار", "phone": "تلفن|موبایل", "passport": "شماره گذرنامه", "licence": "شماره گواهینامه", "org": "شرکت", "condition": "تشخیص", "medicine": "دارو", "plate": "شماره پلاک", "date": "تاریخ", "order": "سفارش", "int": "تعداد"},
    "he": {"name": "שם מלא|לקוח", "phone": "טלפון", "address": "כתובת", "govid": "תעודת זהות", "passport": "מספר דרכון", "licence": "מספר רישיון נהיגה", "tax": "ח.פ.|עוסק מורשה", "org": "חברה", "condition": "אבחנה", "medicine": "תרופות", "plate": "מספר רכב", "date": "תאריך", "order": "הזמנה", "int": "כמות"},
}  # fmt: skip

Rows = Sequence[tuple[str, list[Piece]]]


def _lines(gap: str, before: str = "", after: str = "\n") -> Callable[[Rows], list[Piece]]:
    return lambda rows: [piece for key, value in rows for piece in ((before + key + gap, None), *value, (after, None))]


def _json(rows: Rows) -> list[Piece]:
    pieces: list[Piece] = [("{", None)]
    for index, (key, value) in enumerate(rows):
        pieces += [(f'{", " if index else ""}"{key}": "', None), *((p.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"), k) for p, k in value), ('"', None)]  # fmt: skip
    return [*pieces, ("}", None)]


def _table(gap: str) -> Callable[[Rows], list[Piece]]:
    def write(rows: Rows) -> list[Piece]:
        pieces: list[Piece] = [(gap.join(key for key, _ in rows) + "\n", None)]
        for index, (_, value) in enumerate(rows):
            pieces += [(gap if index else "", None), *((p.replace("\n", " "), k) for p, k in value)]
        return pieces

    return write


def _xml(rows: Rows) -> list[Piece]:
    names = [key.replace(" ", "_") for key, _ in rows]
    return [
        p for name, (_, v) in zip(names, rows, strict=True) for p in ((f"<{name}>", None), *v, (f"</{name}>", None))
    ]


LAYOUTS: dict[str, Callable[[Rows], list[Piece]]] = {
    "colon": _lines(": "), "tight": _lines(":"), "bullets": _lines(": ", "- "), "bold": _lines(":** ", "- **"), "equals": _lines("="), "toml": _lines(' = "', "", '"\n'),
    "tab": _lines("\t"), "dots": _lines(" ....... "), "cell": _lines(" | ", "| ", " |\n"), "inline": _lines(" ", "", ", "), "semicolons": _lines(": ", "", "; "), "pipes": _lines("=", "", "|"),
    "json": _json, "csv": _table(","), "tsv": _table("\t"), "columns": _table("   "), "markdown": _table(" | "), "xml": _xml, "query": _lines("=", "&", ""), "next_line": _lines("\n", "", "\n\n"), "dash": _lines(" - "),
    "python": _lines("': '", "'", "', "), "flag": _lines(" ", "--", " "), "html": _lines("</th><td>", "<tr><th>", "</td></tr>\n"),
}  # fmt: skip


def record_group(lang: str, layout: str) -> str:
    """Records of one layout in one language are learned from or held out together."""
    return f"record:{lang}:{layout}"


def draw_record(lang: str, layout: str, draw: random.Random, *, held_out: bool) -> tuple[SpanText, list[Piece]]:
    """A record of three to nine fields, and its pieces."""
    scene = Scene(lang, draw, held_out)
    fields = FIELDS[lang]
    rows = [
        (draw.choice(fields[slot].split("|")), scene.value(slot, ""))
        for slot in draw.sample(sorted(fields), draw.randrange(3, min(10, len(fields))))
    ]
    if draw.random() < 0.3:
        rows = [(key.lower().replace(" ", draw.choice("_ ")), value) for key, value in rows]
    pieces = LAYOUTS[layout](rows)
    text, spans = joined(pieces)
    return SpanText(text, spans, lang, "record", record_group(lang, layout)), pieces

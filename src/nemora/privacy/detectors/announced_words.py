# ruff: noqa: E501 - long lists of words read better on one line
"""What announces a number of a person, in many languages: words of licences, passports, taxes, banks, cars and files."""

from __future__ import annotations

_NO = r"(?:[\s_-]{0,2}(?:number|num|no|nr|id|#)\.?)"

LICENCE = (
    rf"driv(?:er|ing)(?:'?s?|s')[\s_-]{{0,2}}(?:licen[cs]es?|permit){_NO}?|(?:driving|learner'?s?|operator'?s?|provisional)[\s_-](?:permit|licen[cs]e){_NO}?|driver (?:number|no)|licen[cs]e{_NO}|dl[\s_-]?(?:number|no|#)|(?-i:DLN?|CDL)|dl(?=[#\"'>]?\s?[:=|])"
    r"|führerschein(?:[\s-]?(?:nummer|nr))?|fahrerlaubnis(?:nummer)?|permis de conduire(?: n[°o])?|n° de permis|carn[ée]t? de conducir|(?:permiso|licencia) de conduc\w{1,5}|patente(?: di guida)? (?:n\.?|numero|nr)|n\. ?patente|patente(?=[\"'>]?\s?[:=|\t])"
    r"|cnh|carta de condução|carteira (?:de motorista|de habilitação)|rijbewijs(?:nummer|nr)?|praw[oa] jazdy|řidičsk\w{1,4} průkaz\w{0,3}|vodičák|körkort(?:snummer)?|kørekort(?:nummer)?|førerkort(?:nummer)?|ajokort\w{1,4}|jogosítvány\w{0,4}|permis(?:ul)? (?:auto|de conducere)|vozačka"
    r"|ehliyet(?: no)?|sürücü belgesi|водительск\w{2,4} (?:удостоверени\w|права)|(?-i:ВУ)|посвідчення водія|шофьорска книжка|(?:δίπλωμα|άδεια) οδήγησης|רישיון נהיגה|رخصة (?:ال)?(?:قيادة|سياقة)|رقم الرخصة|گواهینامه|ड्राइविंग लाइसेंस"
    r"|驾驶证号?码?|驾照号?码?|免許証(?:の)?番号|運転免許証?|면허(?:증)?\s?번호|bằng lái(?: xe)?|gplx|(?:nomor|no\.?) sim|sim saya nomor|ใบขับขี่(?:เลขที่)?|leseni ya udereva"
    rf"|(?-i:OLN|ODLN|DLN|FS)(?=[\s-]?(?:no|nr|№|[#.:])?[\s:=|#.-]{{0,3}}[A-Z0-9])|(?-i:DL)(?=[\s:]{{1,2}}(?:[A-Z]{{2}}[\s:]{{1,2}})?[A-Z]{{0,2}}\d)|(?:oln|dln)(?=[\"'>]?\s?[:=|])|operator licen[cs]e{_NO}?|photocard{_NO}?|führerausweis(?:nummer|nr|-nr)?|lenkberechtigung|fs-(?:nr|nummer)|numéro (?:de|du) permis|permis n(?:°|o\b|um)|licencia de manejo"
    r"|carn[ée]t? de manejar|brevete|registro de conducir|habilitação|carta de motorista|patent[aë](?= ?:| [A-Z0-9]{6})|pat\. ?n\.|(?-i:ŘP)|vodičsk\w{1,4} preukaz\w{0,3}|körkort\w{0,4}|(?-i:NEPH)|førerkortnr|ökuskírteini\w{0,3}|vezetői engedély\w{0,3}|permisului|возачка(?: дозвола)?|vozniško(?: dovoljenje)?"
    r"|juhil(?:uba|oa)\w{0,4}(?: number)?|vadītāja apliecīb\w{1,2}|vairuotojo pažymėjim\w{1,2}|vair\. ?paž\.|(?-i:в/у|В/У)|(?-i:ву|ВУ)(?=[\s:|=])|вод(?:ительские|\.) (?:права|уд)\w{0,10}|номер прав|жүргізуші куәлігі|haydovchilik guvohnomasi\w{0,3}|sürücülük vəsiqə\w{0,3}|მართვის მოწმობ\w|վարորդական|bestuurslisensie|lisensya|leseni ya udereva|tiomána"
    r"|ড্রাইভিং লাইসেন্স|ஓட்டுநர் உரிமம்|డ్రైవింగ్ లైసెన్స్|ڈرائیونگ لائسنس|駕照(?:號碼)?|駕駛執照|ใบอนุญาตขับ\S{0,8}|lesen memandu|sim [abc](?= ?[:\d])"
)
PASSPORT = (
    rf"passports?{_NO}?|(?-i:PPT|PP#)|travel[\s_-]document{_NO}?|pass-?(?:nummer|nr)|reisepass\w{{0,7}}|pasaporte|passeport|passaporto|passaporte|paspoort\w{{0,6}}|paszport\w{{0,3}}|číslo pasu|cestovní pas|pasnummer|passin numero|útlev\w{{1,4}}|pașaport\w{{0,3}}|putovnic\w|pasaport\w{{0,4}}"
    r"|διαβατήρι\w{1,2}|דרכון|گذرنامه|جواز(?: (?:ال)?سفر\w{0,2})?|पासपोर्ट|পাসপোর্ট|พาสปอร์ต|หนังสือเดินทาง|hộ chiếu|paspor|pasipoti|паспорт\w{0,2}|护照号?码?|パスポート|旅券(?:番号)?|여권(?:\s?번호)?"
    rf"|(?-i:PPN|PPTS|PSP)|ppt?(?=[\s:=#|]{{1,2}}[A-Z]{{0,2}}\d{{6}})|ppt(?=[\"\'>*]{{0,3}}[:=|])|kinderreisepass\w{{0,7}}|pass{_NO}(?=[\s:]{{1,2}}[A-Z]{{0,2}}\d)|pass?i?(?=[\s:]{{1,2}}(?:\([A-Z]{{2,3}}\) )?(?-i:[A-Z]{{1,3}} ?\d{{5,8}}|\d{{2}}[A-Z]{{2}}\d{{5}}|\d{{9}}(?!\d)))|pasas(?= ?:? \d)|pases? (?:numurs|nr)|passi(?:n numero|t)?(?=[\s:])|pas\. ?nr|pasošu?|potn\w list\w{{0,3}}|vegabréf\w{{0,3}}|phas(?= )|pasaport[ieë]\w{{0,2}}|pasapoti"
    r"|загран(?:паспорт)?\w{0,2}|пасош\w{0,2}|пашпарт\w{0,2}|төлқұжат|пасп\.|პასპორტ\w{0,3}|անձնագ\w{1,4}|پاسپورٹ|பாஸ்போர்ட்|పాస్‌?పోర్ట్|پاسپورت|護照(?:號碼)?|旅行証|旅行证|여행증|pasporti?|chuleadán"
)
FEW_DIGITS = r"passports?(?: (?:number|num|no)\.?)?|reisepass\w{0,7}|(?:personal)?ausweis(?:nummer|nr)?|pasaporte|passeport|passaporto|passaporte|paspoort\w{0,6}|rijbewijs\w{0,6}|identiteitskaart|pasport|여권(?: ?번호)?|পাসপোর্ট|паспорт"
"""What announces a number of eight or nine characters, of which as few as one is a digit."""
TAX = (
    rf"tax(?:payer)?[\s_-]{{0,2}}(?:id(?:entification)?|file|ref(?:erence)?|payer){_NO}?|(?-i:TIN|EIN|FEIN|ITIN|UTR|TFN|GSTIN|NIF|NIT|RUT|RFC|CUI|NIP|PAN|OIB|ABN)|(?:tin|ein|itin|utr|tfn|gstin|nif|nit|rut|cui|nip|pan|abn|cif)(?=[\"'>]?\s?[:=|\t])|kra pin|ird{_NO}|ird(?=[\s:]{{1,3}}\d)|vat[\s_-](?:reg(?:istration)?|id){_NO}?|vat{_NO}|gst{_NO}|employer identification{_NO}?"
    r"|steuer-?(?:nummer|id|nr|identifikationsnummer)|ust-?id(?:-?nr)?|numéro fiscal|n° fiscal|tva intracommunautaire|n° tva|partita iva|p\.? ?iva|contribuinte|cnpj|btw-?(?:nummer|nr)|dič|momsnr|adószám|vergi (?:no|numarası)|инн|ипн|іпн|αφμ|עוסק מורשה"
    r"|الرقم الضريبي|पैन(?: नंबर)?|जीएसटी|税号|纳税人识别号|납세자번호|사업자(?:등록)?번호|mã số thuế|npwp|เลขประจำตัวผู้เสียภาษี"
    rf"|gstin|kra pin|adóaz(?:onosító|on)?\w{{0,4}}\.?(?: jel)?|pan(?=[\s:]{{1,2}}[A-Z]{{5}}\d{{4}}[A-Z](?![A-Za-z0-9]))|(?:tin|utr|nif|nit|rut|nip|ein|cif)(?= (?:no |nr |is |é |es |# ?)?[A-Z]{{0,2}}[-.]?\d[\d\s.-]{{6,14}}(?!\d))|(?:cod(?:ice|\.) ?fisc(?:ale|\.)|c\.f\.|cf(?= ?:? ?(?:mio |di |del )?[A-Z]{{6}}\d))|davčna(?: številka)?|porezni broj|daňové (?:identifikačné )?číslo|mva|org\.?nr\.? mva"
    r"|tva(?= ?:? ?[A-Z]{2} ?\d)|iva(?= ?:? ?[A-Z]{2} ?\d)|vat(?= ?:? ?(?-i:[A-Z]{2}) ?\d)|omzetbelasting(?:nr|nummer)|id-?nr\.?(?= ?\d)|tax (?:number|no\.?|residency no|code)(?=[\s:])|sars ref\w{0,7}|efin|ptin|податковий номер|податковий код|идентификационный номер налогоплательщика|vergi kimlik(?: no)?|(?-i:MST)|numer nip|nip-u|টিআইএন|این ٹی این|사업자(?= ?\d{3}-\d{2}-\d{5})|統一編號|統編|インボイス(?:番号)?(?=[^\n]{0,4}T\d)|税務番号|รหัสผู้เสียภาษี"
)
NATIONAL = (
    rf"ni number|(?-i:NIK|BVN|NIN|CCCD|CMND|SSN|NINO|EGN|JMBG|AMKA)|national (?:id|identity|insurance){_NO}?|social security{_NO}|rentenversicherungs\w{{1,9}}|sozialversicherungs\w{{1,9}}|codice fiscale|n° de sécurité sociale|numéro de séc\w{{1,7}}(?: sociale)?|seguridad social"
    r"|personnummer|personnr|fødselsnummer|henkilötunnus|rodné číslo|személyi szám|(?:t\.?c\.? )?kimlik (?:no|numarası)|số (?:căn cước|cccd|cmnd)|рнокпп|снилс|егн|αμκα|תעודת זהות|ת\.ז\.?|رقم (?:ال)?هوي[ةه]|الهوية الوطنية|کد ملی|आधार(?: नंबर)?"
    r"|身份证号?码?|身分證(?:字號)?|マイナンバー|個人番号|주민(?:등록)?번호|เลข(?:ที่)?บัตรประชาชน|cédula|curp|pesel|bsn|cpf|dni"
    rf"|ni(?= ?:? ?[A-Z]{{2}} ?\d{{2}})|(?-i:NISS|NUSS|NAF|NSS|CNP|PESEL|BSN|INSZ|NRN|AHV|UMID|CRVS|CNIC|NRIC|MyKad|HKID|EGN|KTN)|ppsn?{_NO}?|omang|citizen (?:id|card){_NO}?|alien{_NO}|a-?(?:number|no\.)(?= ?:? ?A? ?\d)|(?-i:A#)|uscis{_NO}|(?-i:EAD)|brp{_NO}?|(?:residence|permanent resident|green) (?:card|permit){_NO}?|known traveller{_NO}|known traveler{_NO}|redress{_NO}?|seaman'?s book{_NO}?|naturali[sz]ation{_NO}?|visa{_NO}|crn{_NO}?|(?-i:TWIC|FAST)(?= ?\d{{4}}[\s-]?\d{{4}})|t[íi]tulo (?:de )?eleitor(?:al)?|(?-i:AGDREF)|récépissé|v-nummer|občank\w"
    r"|personalausweis(?:-?(?:nummer|nr))?|perso(?:-?nr|nummer)?(?= ?:? ?[A-Z0-9]{2}\d)|aufenthaltstitel(?:-?nr)?|sv-(?:nr|nummer)|carte (?:nationale )?d'identité|(?-i:CNI)|titre de séjour|n° (?:ss|sécu|de sécu)|sécu(?= ?:? ?[12])|carta d'identità|carta identità|perm(?:esso|\.) (?:di )?sogg(?:iorno|\.)|identiteitskaart|vreemdelingennummer|dow[oó]d(?:u)?(?: osobist\w{1,3})?(?: nr)?|nr dowodu|numer dowodu|karta pobytu"
    r"|občansk\w{1,3} průkaz\w{0,3}|č\. ?op|(?-i:OP)(?=[\s:]{1,2}(?:č\. ?)?(?:\d{3} ?\d{3} ?\d{3}|[A-Z]{2} ?\d{6})(?!\d))|občiansk\w{1,3} preukaz\w{0,3}|r\. ?č\.|(?-i:RČ)|osobn\w iskaznic\w|ličn\w kart\w|osebn\w izkaznic\w|emšo|buletin\w{0,2}|carte(?:a)? de identitate|személyi(?: ?ig\w{0,8}\.?| szám)?|nüfus(?: cüzdanı)?|(?:tc|t\.c\.)(?:no)?(?=[\s:]{1,2}\d{11}(?!\d))|ταυτότητα\w?|(?-i:ΑΔΤ|Α\.Δ\.Τ\.?)|л\. ?к\.|лична карта|ідентифікаційний (?:номер|код)"
    r"|удостоверение личности|ідэнтыфікацыйны нумар|ид\. номер|внж|жсн|иин|jshshir|şəxsiyyət vəsiqə\w{0,3}|(?:رقم )?(?:ال)?[اإ]قام[ةه]|(?:ال)?بطاق[ةه](?: (?:ال)?(?:هوي[ةه]|شخصي[ةه]))?|شناختی کارڈ|آدھار|ஆதார்|ఆధార్|ಆಧಾರ್|আধার|এনআইডি|(?:เลข)?บัตร(?:ประชาชน)?(?= ?:? ?\d)|(?:số )?căn cước(?: công dân)?|(?:no\.? )?kp(?=[\s:]{1,2}\d{6}-?\d{2}-?\d{4})|nomor ktp|no\.? ktp|ktp(?= ?:? ?\d)|在留カード(?:番号)?|居留(?:证|许可)号?|주민(?=[\s:]{1,2}\d)|외국인등록번호|cartão (?:de |do )?cidadão|cidadão|bilhete de identidade|(?-i:RG)(?=[\s:]{1,2}\d)|isikukood|asmens kodas|a\. ?k\.(?= ?\d)|personas kods|kennitala|kt\.(?= ?\d{6})|fnr|pnr(?=[\s:\"']{1,4}\d{6})|cpr"
)
BRANCH = (
    rf"(?:sort|branch|bank|ifsc)[\s_-]?code|ifsc|bsb{_NO}?|transit{_NO}|clearing{_NO}|institution and transit|(?:aba|ach|wire|bank)?[\s_-]?routing{_NO}?|(?-i:ABA|RTN|BLZ)|bankleitzahl|бик|支店番号|은행코드"
    r"|(?-i:ABA|RTN|RTG|ACH)(?=[\s:#=|/-]{1,3}\d)|(?:aba|rtn|rtg|ach)(?=[\"'>]?[\s:#=|]{1,3}\d{9}(?!\d))|sort(?=[\s:]{1,2}\d\d[\s-]\d\d[\s-]\d\d(?!\d))|bank(?:ing)? (?:no|number|id)|institution(?: (?:no|number))?(?=[\s:\"']{1,4}\d{3})|(?-i:NSC|BSB)|bc-?(?:nr|nummer)|clearing-?(?:nr|nummer|no)|clearingnummer"
    r"|ag(?:ência|encia|\.)?(?=[\s:]{1,2}\d{4}(?:-\d)?(?!\d))|sucursal(?: n[ºo°.]{1,2})?(?= ?\d)|numer rozliczeniowy|kod banku|kód banky|bankkód|reg\.? ?nr\.?(?= ?:? ?\d{4}(?!\d))|(?-i:МФО)|мфо|şube(?: kodu| no)?|支店コード|店番号?|金融機関コード|銀行コード|联行号|银行代码|개설점|राउटिंग|রাউটিং(?: নম্বর)?|رمز البنك|رقم الفرع|kode bank|mã (?:ngân hàng|chi nhánh)|รหัสธนาคาร"
)
BANK = rf"bic(?:[\s/_-]{{0,3}}(?:swift|code))?|swift[\s/_-]{{0,3}}(?:bic|code|代码){_NO}?|swift(?=[\"'>]?\s?[:=|\t-])"
VIN = rf"vin{_NO}?|chassis{_NO}?|frame{_NO}|fahrgestell(?:nummer|nr)|fin|châssis|bastidor|telaio|chassi|chassisnummer|şasi|șasiu|serie șasiu|车架号|車台番号|차대번호|מספר שלדה|رقم الهيكل|вин"
PLATE = (
    rf"(?:licen[cs]e|number|registration|vehicle|car)[\s_-]?plates?{_NO}?|plates?{_NO}?|rego|reg{_NO}|vehicle[\s_-]?reg(?:istration)?{_NO}?|kennzeichen|matr[íi]cula|immatriculation|targa|kenteken|rejestracj\w|nr rejestracyjny|(?-i:SPZ)|regnr|rendszám\w{{0,4}}|plaka|placa"
    r"|госномер|номер (?:авто|машины)|автомобіль|biển số|plat nomor|پلاک|מספר רכב|رقم اللوحة|لوحة|गाड़ी नंबर|ทะเบียนรถ|车牌号?码?|車牌|ナンバー|차량번호|번호판"
    r"|tablice|tabule|rej\.(?= )|valst\. ?nr|рег\.? ?номер|(?-i:гос\.? ?№)|numberplate|(?-i:SPZ|RZ)(?= ?:? ?\d)|אוטו|لوحات"
)
FILE = (
    rf"(?:employee|staff|personnel|payroll|badge|customer|client|student|member(?:ship)?|policy|claim|case|file|matter|reference|ref|account holder|tenant|subscriber|applicant|beneficiary|insurance|crime|incident){_NO}"
    r"|aktenzeichen|schadens?(?:nummer|nr)|kunden-?(?:nummer|nr)|mitglieds-?(?:nummer|nr)|personal-?(?:nummer|nr)|numéro (?:de )?(?:dossier|client|adhérent|sinistre)|n° (?:de )?(?:client|dossier|contrat|sinistre)|n\.?º (?:de )?(?:cliente|póliza|socio|expediente|siniestro)|expediente|póliza|siniestro|polizza|sinistro|matricola|kindergeldnummer|visa case"
    r"|klantnummer|dossiernummer|polisnummer|nr (?:klienta|polisy|sprawy)|sygnatura|müşteri no|poliçe no|dosya no|табельный номер|номер (?:дела|клиента|полиса|договора)|номер справи|رقم (?:الملف|العميل|القضية|البوليصة)|会员号|案号|客户编号|工号|学号|保单号|会員番号|社員番号|顧客番号|証券番号|회원번호|고객번호|사번|학번|증권번호|केस नंबर"
)
PATIENT = (
    rf"mrn|medical[\s_-]?record{_NO}?|(?:patient|chart|hospital|nhs){_NO}|patienten-?(?:nummer|nr)|fall-?(?:nummer|nr)|numéro (?:de )?patient|n° de patient|número de paciente|historia clínica|numer pacjenta|診察券(?:番号)?|患者番号|住院号|门诊号|病历号|환자번호|등록번호|номер карты|رقم المريض"
    r"|hosp(?:ital|\.)? ?(?:no|number|#)\.?|med(?:ical)?\.? rec(?:ord)?s?\.?(?: ?(?:no|number|#))?|krankenakte|pat-?(?:id|nr)\.?|fallnr\.?|aufnahme-?(?:nummer|nr)|(?-i:NHC|IPP|SIP|NIP)(?=[\s:]{1,2}\d)|nhc|historia(?: clínica)?(?= (?:n[º°o.]{1,2} ?)?[A-Z]{0,2}[\s-]?\d)|n\.?º (?:de )?(?:historia|utente|processo)|proc(?:esso|\.)? clín(?:ico|\.)|prontuário|prontuario|cartella(?: clinica)?(?= n?\.? ?[A-Z0-9])|nosologico|dossier (?:médical|patient|hospitalier)"
    r"|journalnr|journalnummer|sjukhusnummer|potilasnumero|nr (?:karty|historii choroby)|karta pacjenta|číslo pacienta|číslo karty pacienta|(?-i:и/б)|ист(?:ория|\.) болезни|мед\.? ?карт\w|амбулаторная карта|медична картка|hasta (?:no|numarası)|αριθμός ασθενούς|מספר תיק|תיק רפואי|الملف الطبي|(?:n[ou]mor|no\.?) rekam medis|rekam medis|số bệnh án|mã bệnh nhân|เลข(?:ที่)?ผู้ป่วย|(?-i:HN)(?= ?:? ?\d)|カルテ(?:番号)?|患者ID|病歴番号|病案号|病歷號|병록번호|차트번호|रोगी (?:संख्या|आईडी)"
)
LOOSE_LICENCE = r"licen[cs]es?|licencia|permiso|carnet|patente|permis|ehliyet|ajokortti|мои права|водійські|drivers(?= is|:)|δίπλωμα|רישיון|رخصة|لائسنس|लाइसेंस|免許証?|면허|habilitation|dl"
"""Words that mean other things too: what follows must look like nothing else."""
LOOSE_FILE = "employee|customer|member|policy|claim|case|badge|dosya|sprawa|sprawy|processo|pratica|dossier|дело|справа|sag|ärende"
LOOSE_BANK = "swift|سويفت"

_SHORT = (
    r"dl|dln|oln|cdl|lic|fs|pp|ppt|ppn|psp|pass|passi|pas|pasas|aba|rtn|rtg|ach|sort|branch|institution|acct?|a/c|konto|kto|cta|cuenta|conta|compte|conto|účet|účtu|rachunek|счет|счёт|рахунок|حساب|खाता|হিসাব|계좌|口座|账户|帳戶|clabe|cbu|rib|tin|ein|utr|nif|nit|rut|ruc|cif|pan|nip|mst|vat|tva|iva|btw|ni|nino|nir|nss|naf|niss|pps|ppsn|kp|ktp|op|rg|bi|ci|cni|tc|mrn|nhc|ipp|chart|pid|kvnr|card"
    r"|wifi|wlan|wi-fi|alarm|safe|door|gate|code|código|codice|kod|kód|kode|koodi|код|コード|暗証番号|인증번호|비번|密码|mdp|ww|lösen|hasło|heslo"
)
COLUMN = (LICENCE, PASSPORT, TAX, NATIONAL, BRANCH, BANK, VIN, PLATE, PATIENT, LOOSE_LICENCE, _SHORT)
"""What stands over a column, or as the name of a field, whose values are such numbers or secrets."""

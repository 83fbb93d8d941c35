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
)
PASSPORT = (
    rf"passports?{_NO}?|(?-i:PPT|PP#)|travel[\s_-]document{_NO}?|pass-?(?:nummer|nr)|reisepass\w{{0,7}}|pasaporte|passeport|passaporto|passaporte|paspoort\w{{0,6}}|paszport\w{{0,3}}|číslo pasu|cestovní pas|pasnummer|passin numero|útlev\w{{1,4}}|pașaport\w{{0,3}}|putovnic\w|pasaport\w{{0,4}}"
    r"|διαβατήρι\w{1,2}|דרכון|گذرنامه|جواز(?: (?:ال)?سفر\w{0,2})?|पासपोर्ट|পাসপোর্ট|พาสปอร์ต|หนังสือเดินทาง|hộ chiếu|paspor|pasipoti|паспорт\w{0,2}|护照号?码?|パスポート|旅券(?:番号)?|여권(?:\s?번호)?"
)
TAX = (
    rf"tax(?:payer)?[\s_-]{{0,2}}(?:id(?:entification)?|file|ref(?:erence)?|payer){_NO}?|(?-i:TIN|EIN|FEIN|ITIN|UTR|TFN|GSTIN|NIF|NIT|RUT|RFC|CUI|NIP|PAN|OIB|ABN)|(?:tin|ein|itin|utr|tfn|gstin|nif|nit|rut|cui|nip|pan|abn|cif)(?=[\"'>]?\s?[:=|\t])|kra pin|ird{_NO}|vat[\s_-](?:reg(?:istration)?|id){_NO}?|vat{_NO}|gst{_NO}|employer identification{_NO}?"
    r"|steuer-?(?:nummer|id|nr|identifikationsnummer)|ust-?id(?:-?nr)?|numéro fiscal|n° fiscal|tva intracommunautaire|n° tva|partita iva|p\.? ?iva|contribuinte|cnpj|btw-?(?:nummer|nr)|dič|momsnr|adószám|vergi (?:no|numarası)|инн|ипн|іпн|αφμ|עוסק מורשה"
    r"|الرقم الضريبي|पैन(?: नंबर)?|जीएसटी|税号|纳税人识别号|납세자번호|사업자(?:등록)?번호|mã số thuế|npwp|เลขประจำตัวผู้เสียภาษี"
)
NATIONAL = (
    rf"ni number|(?-i:NIK|BVN|NIN|CCCD|CMND|SSN|NINO|EGN|JMBG|AMKA)|national (?:id|identity|insurance){_NO}?|social security{_NO}|rentenversicherungs\w{{1,9}}|sozialversicherungs\w{{1,9}}|codice fiscale|n° de sécurité sociale|numéro de séc\w{{1,7}}(?: sociale)?|seguridad social"
    r"|personnummer|personnr|fødselsnummer|henkilötunnus|rodné číslo|személyi szám|(?:t\.?c\.? )?kimlik (?:no|numarası)|số (?:căn cước|cccd|cmnd)|рнокпп|снилс|егн|αμκα|תעודת זהות|ת\.ז\.?|رقم (?:ال)?هوي[ةه]|الهوية الوطنية|کد ملی|आधार(?: नंबर)?"
    r"|身份证号?码?|身分證(?:字號)?|マイナンバー|個人番号|주민(?:등록)?번호|เลข(?:ที่)?บัตรประชาชน|cédula|curp|pesel|bsn|cpf|dni"
)
BRANCH = rf"(?:sort|branch|bank|ifsc)[\s_-]?code|ifsc|bsb{_NO}?|transit{_NO}|clearing{_NO}|institution and transit|(?:aba|ach|wire|bank)?[\s_-]?routing{_NO}?|(?-i:ABA|RTN|BLZ)|bankleitzahl|бик|支店番号|은행코드"
BANK = rf"bic(?:[\s/_-]{{0,3}}(?:swift|code))?|swift[\s/_-]{{0,3}}(?:bic|code|代码){_NO}?|swift(?=[\"'>]?\s?[:=|\t-])"
VIN = rf"vin{_NO}?|chassis{_NO}?|frame{_NO}|fahrgestell(?:nummer|nr)|fin|châssis|bastidor|telaio|chassi|chassisnummer|şasi|șasiu|serie șasiu|车架号|車台番号|차대번호|מספר שלדה|رقم الهيكل|вин"
PLATE = (
    rf"(?:licen[cs]e|number|registration|vehicle|car)[\s_-]?plates?{_NO}?|plates?{_NO}?|rego|reg{_NO}|vehicle[\s_-]?reg(?:istration)?{_NO}?|kennzeichen|matr[íi]cula|immatriculation|targa|kenteken|rejestracj\w|nr rejestracyjny|(?-i:SPZ)|regnr|rendszám\w{{0,4}}|plaka|placa"
    r"|госномер|номер (?:авто|машины)|автомобіль|biển số|plat nomor|پلاک|מספר רכב|رقم اللوحة|لوحة|गाड़ी नंबर|ทะเบียนรถ|车牌号?码?|車牌|ナンバー|차량번호|번호판"
)
FILE = (
    rf"(?:employee|staff|personnel|payroll|badge|customer|client|student|member(?:ship)?|policy|claim|case|file|matter|reference|ref|account holder|tenant|subscriber|applicant|beneficiary|insurance|crime|incident){_NO}"
    r"|aktenzeichen|schadens?(?:nummer|nr)|kunden-?(?:nummer|nr)|mitglieds-?(?:nummer|nr)|personal-?(?:nummer|nr)|numéro (?:de )?(?:dossier|client|adhérent|sinistre)|n° (?:de )?(?:client|dossier|contrat|sinistre)|n\.?º (?:de )?(?:cliente|póliza|socio|expediente|siniestro)|expediente|póliza|siniestro|polizza|sinistro|matricola|kindergeldnummer|visa case"
    r"|klantnummer|dossiernummer|polisnummer|nr (?:klienta|polisy|sprawy)|sygnatura|müşteri no|poliçe no|dosya no|табельный номер|номер (?:дела|клиента|полиса|договора)|номер справи|رقم (?:الملف|العميل|القضية|البوليصة)|会员号|案号|客户编号|工号|学号|保单号|会員番号|社員番号|顧客番号|証券番号|회원번호|고객번호|사번|학번|증권번호|केस नंबर"
)
PATIENT = rf"mrn|medical[\s_-]?record{_NO}?|(?:patient|chart|hospital|nhs){_NO}|patienten-?(?:nummer|nr)|fall-?(?:nummer|nr)|numéro (?:de )?patient|n° de patient|número de paciente|historia clínica|numer pacjenta|診察券(?:番号)?|患者番号|住院号|门诊号|病历号|환자번호|등록번호|номер карты|رقم المريض"
LOOSE_LICENCE = "licen[cs]es?|licencia|permiso|carnet|patente|permis|ehliyet|ajokortti|мои права|водійські"
"""Words that mean other things too: what follows must look like nothing else."""
LOOSE_FILE = "employee|customer|member|policy|claim|case|badge|dosya|sprawa|sprawy|processo|pratica|dossier|дело|справа|sag|ärende"
LOOSE_BANK = "swift|سويفت"

# ruff: noqa: E501 (word lists)
"""Invented firms, offices, clinics, schools, clubs and charities, as each language names them."""

from __future__ import annotations

import random
import re

from nemora.train.values_person import draw_person

Draw = random.Random


def _words(line: str) -> list[str]:
    return line.split()


FIRMS = _words(
    "Halden Kestrel Brightwater Novaline Ostmark Pinecrest Quillon Redfern Solvanta Tarnow Umbra Vestra Westmarch Yarrow Zephra Larkspur Corvane Dunmore Eastgate Fjordal Greywick Hallam Irongate Juniper Kronwald Lumen Marlowe Northpeak Orion Palisade Stonebridge Tellus Verdant Whitlock Altamira Bellavista Castellan Delacroix Echevarria Fontaine Brandt Schuler Oberhof Nakajima Sunhwa Longteng Tatra Wisla Baltika Anadolu Sahara Deccan Lotus Mbeya Kilima Ashdown Birchall Calloway Danforth Ellsmere Fenwick Garrick Harcourt Ingleby Jessop Kinnaird Lockhart Merriton Netherby Oakhurst Pemberton Ravenna Selwyn Thornbury Ulverston Voltera Wexcombe Yewdale Cindermoor Quince Alderney Thalassa Gaslight Mosaique Brewhouse Dunlin Hotel_Miramar Cafe_Ritter Casa_Verde Blue_Anchor Nova_Terra"
)
_TRADES = {
    "en": "Logistics|Foods|Partners|Bank|Energy|Pharma|Software|Insurance|Robotics|Holdings|Medical Center|& Sons|Consulting|Airlines|Dental|Credit Union|School|Hospital|Law|Capital|Studios|Plumbing",
    "de": "Maschinenbau|Versicherung|Logistik|Apotheke|Stadtwerke|Bau|Klinik|Software", "fr": "Assurances|Conseil|Transports|Pharmacie|Industries", "es": "Seguros|Construcciones|Consultores|Transportes", "it": "Assicurazioni|Costruzioni|Trasporti", "pt": "Seguros|Engenharia|Logística", "nl": "Bouw|Verzekeringen|Techniek", "pl": "Transport|Budowa|Ubezpieczenia",
}  # fmt: skip
_FORMS = {
    "en": "Inc.|LLC|Ltd|Group|Corp|plc|Pty Ltd|LLP||||", "de": "GmbH|AG|GmbH & Co. KG|e.V.||", "fr": "SARL|SAS|SA||", "es": "S.L.|S.A.||", "it": "S.r.l.|S.p.A.|", "pt": "Ltda|S.A.|", "nl": "BV|NV|", "pl": "sp. z o.o.|S.A.|",
}  # fmt: skip
_FIRMS_ELSEWHERE = {
    "zh": "腾海科技有限公司|鼎晟建筑集团|乐友超市|恒泰律师事务所|阳光小学|启明教育|瑞丰证券|华安保险|北辰医院|远山物流有限公司|明泰银行|星河软件", "ja": "株式会社青葉商事|有限会社丸山製作所|ひまわり保育園|北斗大学|竹中運輸|あおば法律事務所|東山電機|みどり銀行|北斗製薬株式会社|さくら総合病院", "ko": "(주)한빛소프트|새솔초등학교|가람건설|두리회계법인|온누리약국|하나물류|대성전자|푸른병원|미래물산 주식회사|동해은행",
    "ru": "ООО «Север»|ИП Лаптев|школа № 1214|банк «Истра»|НПО «Вектор»|АО «Волга-Транс»|ПАО «Заря»|клиника «Исток»", "uk": "ТОВ «Світанок»|АТ «Дніпро»", "ar": "شركة النخيل للتجارة|مدرسة النور|شركة البحر للمقاولات|مكتب العدل للمحاماة|مستشفى الشفاء|بنك الواحة|مجموعة الخليج", "hi": "सूर्या टेक्नोलॉजीज|शांति विद्यालय|नवजीवन बैंक|किरण ट्रेडर्स|गंगा बैंक|आशा अस्पताल", "tr": "Yıldız Lojistik A.Ş.|Anadolu Sigorta|Marmara Yazılım Ltd. Şti.",
}  # fmt: skip


_SHAPES: dict[str, str] = {
    "en": "S & S Solicitors|S's Bakery|S Plumbing & Heating|G's Auto Repair|S Family Dental|C Community Hospital|C General|St. G's Primary School|S Elementary|C High School|University of C|C State University|C Food Bank|Friends of C Library|C Football Club|S Foundation|S & Daughters|The F Trust|F Credit Union|Bank of C|C City Council|C County Sheriff's Office|Royal C Infirmary|S Veterinary Clinic|F Medical Group|F Pharmacy|F Nursing Home|S Brothers Construction|F Ventures|F Capital Partners|C Housing Association|C Women's Shelter|S Accounting|Little F Daycare|C Cycling Club|F Yoga|S, S and Partners LLP|C Department of Revenue|F Motors|C Tribune|F Media|S Roofing|F Cloud|F Studio|C Methodist Church|F Labs|Hotel F|C Water Board|C Mosque|S Optometry|F Staffing|C Legal Aid|F Biotech|F Freight|The F Arms|F Montessori|C Animal Rescue",
    "de": "S & Söhne|Bäckerei S|Metzgerei S|Autohaus S|Zahnarztpraxis Dr. S|Gemeinschaftspraxis S & S|Kanzlei S|S Rechtsanwälte|S Elektrotechnik GmbH|Stadtwerke C|Klinikum C|Universität C|Grundschule C|G-S-Gymnasium|TSV C|Kita F|Sparkasse C|Volksbank C|Amtsgericht C|Landratsamt C|S Bau GmbH & Co. KG|F Hausverwaltung|Förderverein F e.V.|Pflegedienst S|Jobcenter C|Finanzamt C|St.-G-Krankenhaus|Steuerberatung S|Tierheim C|Reisebüro S|F Immobilien|F Technik AG|Caritas C|Diakonie C|Apotheke am Markt C",
    "fr": "Boulangerie S|Garage S|Cabinet S et Associés|Cabinet dentaire S|Maître S & Associés|Clinique F|CHU de C|Hôpital de C|Lycée G S|École G S|Université de C|Mairie de C|Crédit F|Pharmacie S|S Frères|SARL S|Plomberie S|Association F|EHPAD F|Banque F|Préfecture de C|Tribunal de C|Restos F|F Immobilier|AS C|Crèche F|Transports S",
    "es": "Panadería S|Talleres S|Bufete S y Asociados|Clínica Dental S|Hospital de C|Colegio G S|IES F|Universidad de C|Ayuntamiento de C|Caja F|Farmacia S|Hermanos S|Construcciones S S.L.|Gestoría S|Asociación F|Fundación F|Residencia F|Banco F|Inmobiliaria F|Juzgado de C|Peluquería G|Transportes S|Guardería F|Deportivo C",
    "it": "Panificio S|Officina S|Studio Legale S|Studio Dentistico S|Ospedale di C|Liceo S|Università di C|Comune di C|Banca F|Farmacia S|Fratelli S|Impresa Edile S|Associazione F|Fondazione F|Clinica F|Asilo F|Trattoria da G|S & Figli|Tribunale di C|ASL C|Autotrasporti S",
    "pt": "Padaria S|Oficina do G|S Advogados|Clínica S|Hospital de C|Escola G S|Universidade de C|Prefeitura de C|Banco F|Farmácia S|Irmãos S|Construtora S|Instituto F|Fundação F|Colégio F|Imobiliária F|Mercado do G|S & Filhos|Tribunal de C|Creche F|Transportadora S",
    "nl": "Bakkerij S|Garage S|Advocatenkantoor S|Tandartspraktijk S|Ziekenhuis C|Basisschool F|Universiteit C|Gemeente C|Rabo C|Apotheek S|Gebroeders S|Bouwbedrijf S|Stichting F|Kinderopvang F|S Installaties|Huisartsenpraktijk S|VV C|Makelaardij S",
    "pl": "Piekarnia S|Warsztat S|Kancelaria S|Przychodnia F|Szpital w C|Szkoła Podstawowa nr 12 w C|Uniwersytet w C|Urząd Miasta C|Bank F|Apteka F|S i Synowie|Firma Budowlana S|Fundacja F|Przedszkole F|Biuro Rachunkowe S|Stomatologia S|KS C",
    "tr": "S Fırını|S Oto|S Hukuk Bürosu|Özel F Hastanesi|F Koleji|C Üniversitesi|C Belediyesi|F Eczanesi|S Kardeşler|S İnşaat|F Vakfı|F Kreşi|F Sigorta|S Tekstil A.Ş.|F Holding",
    "ru": "ООО «S»|ИП S|клиника «S»|пекарня S|автосервис S|адвокатское бюро S и партнёры|больница г. C|школа № 17 г. C|университет C|фонд «S»|детский сад «S»|мэрия C|аптека S|банк «S»|стоматология S|ЗАО «S-Строй»|ТСЖ «S»",
    "uk": "ТОВ «S»|ФОП S|клініка «S»|пекарня S|лікарня м. C|школа № 5 м. C|фонд «S»|аптека S|банк «S»|ліцей C|ПП «S»",
    "cs": "Pekárna S|Autoservis S|Advokátní kancelář S|Nemocnice C|ZŠ C|Univerzita C|Lékárna F|S a synové|Stavby S s.r.o.|Nadace F|MŠ F|Účetnictví S|F a.s.",
    "sv": "S Bygg AB|Bageri S|Advokatfirman S|C Lasarett|C kommun|C universitet|F AB|S Tandvård|Stiftelsen F|Förskolan F|IFK C|S & Söner|F Fastigheter",
    "da": "S Byg ApS|Bager S|Advokatfirmaet S|C Sygehus|C Kommune|F A/S|Tandlæge S|Fonden F|Børnehaven F|S & Sønner|C Boldklub",
    "no": "S Bygg AS|Baker S|Advokatfirmaet S|C sykehus|C kommune|F AS|Tannlege S|Stiftelsen F|F barnehage|S & Sønner",
    "fi": "S Oy|Leipomo S|Asianajotoimisto S|C:n sairaala|C:n kaupunki|F Oyj|Hammaslääkäri S|F-säätiö|Päiväkoti F|Rakennus S Oy|C:n yliopisto",
    "hu": "S Kft.|S Pékség|S Ügyvédi Iroda|C-i Kórház|C Önkormányzata|F Zrt.|F Alapítvány|S és Fia Bt.|F Óvoda|S Fogászat|C-i Egyetem",
    "ro": "S SRL|Brutăria S|Cabinet avocat S|Spitalul C|Primăria C|Universitatea din C|Farmacia F|Fundația F|Construcții S|Grădinița F|Banca F|Școala G S",
    "el": "Φούρνος S|Δικηγορικό Γραφείο S|Νοσοκομείο C|Δήμος C|Πανεπιστήμιο C|Φαρμακείο S|Αφοί S ΑΕ|S & ΣΙΑ ΟΕ|F ΑΕ|Φροντιστήριο S",
    "id": "PT F|CV S Jaya|Toko G|RS F|RSUD C|SMA Negeri 3 C|Universitas C|Bank F|Yayasan F|Klinik G|Apotek F|Koperasi F|PT S Sejahtera|Warung Bu G",
    "vi": "Công ty TNHH F|Công ty Cổ phần S|Bệnh viện C|Trường THPT C|Đại học C|Ngân hàng F|Nhà thuốc G|Văn phòng luật S|Quỹ F|Phòng khám G|Tiệm bánh G",
    "zh": "C人民医院|S氏诊所|C第三中学|C大学|S记餐馆|C市政府|C农商银行|G幼儿园|S律师事务所|C建设集团|G科技有限公司|C物业公司|G贸易有限公司|C派出所|G口腔|C慈善基金会",
    "ja": "S歯科医院|S法律事務所|S商店|株式会社S|S建設|C市立病院|C大学|C高校|C銀行|S製作所|S内科クリニック|NPO法人G|C市役所|G保育園|有限会社S|S会計事務所|Sベーカリー",
    "ko": "S치과|법무법인 G|(주)G|C병원|C대학교|C초등학교|C시청|C새마을금고|G어린이집|G약국|S내과|G건설|G식당|G세무회계|C복지재단",
    "ar": "شركة S للمقاولات|مخبز S|مكتب S للمحاماة|مستشفى C|جامعة C|مدرسة C الثانوية|بلدية C|بنك C|صيدلية S|مجموعة S|جمعية C الخيرية|عيادة الدكتور S|مؤسسة S التجارية|مطعم S",
    "hi": "S एंड संस|S ट्रेडर्स|S मेडिकल स्टोर|C अस्पताल|C विश्वविद्यालय|C पब्लिक स्कूल|C नगर निगम|C ग्रामीण बैंक|G फाउंडेशन|डॉ. S क्लीनिक|S कंस्ट्रक्शन|G मिठाई भंडार",
    "fa": "شرکت S|دفتر وکالت S|بیمارستان C|دانشگاه C|دبیرستان C|شهرداری C|داروخانه S|بانک C|بنیاد G|نانوایی S",
    "he": 'S בע"מ|משרד עורכי דין S|בית חולים C|אוניברסיטת C|עיריית C|מאפיית S|קרן S|מרפאת S|גן G|S ובניו',
}
_LETTER = re.compile(r"(?<![A-Za-zÀ-ž])[SGFC](?![A-Za-zÀ-ž.])")
"""S a surname, G a given name, F an invented firm's word, C a town of the language."""
_TOWNS: dict[str, str] = {
    "en": "Springfield Dayton Tulsa Boise Reno Norwich Leeds Exeter Derby Swansea Ballarat Hobart Durban Kisumu Ibadan Mysuru Kochi Galway Halifax Regina Ashford Millbrook Riverside Lakewood Brookhaven Harlow Redcliffe Eastvale Northfield Westbury",
    "de": "Köln Kassel Ulm Jena Bremen Görlitz Passau Linz Graz Bern Trier Celle Fulda Hamm Lübeck",
    "fr": "Lyon Nantes Rennes Dijon Brest Pau Metz Liège Tours Nice Lille Caen",
    "es": "Sevilla Zaragoza Murcia Vigo Cádiz Rosario Cali León Burgos Toledo Mérida",
    "it": "Torino Bologna Bari Padova Lecce Trieste Modena Pisa Siena",
    "pt": "Curitiba Recife Manaus Niterói Braga Coimbra Santos Belém",
    "nl": "Utrecht Breda Zwolle Gent Leuven Tilburg Almere",
    "pl": "Gdańsk Lublin Wrocław Rzeszów Kielce Toruń Opole",
    "tr": "Ankara İzmir Bursa Konya Adana Trabzon",
    "ru": "Казань Пермь Тула Самара Тверь Омск Рязань Вологда",
    "uk": "Львів Одеса Харків Полтава Суми",
    "cs": "Brno Olomouc Plzeň Zlín Kolín",
    "sv": "Malmö Uppsala Luleå Växjö Borås",
    "da": "Odense Aarhus Esbjerg Aalborg",
    "no": "Bergen Tromsø Stavanger Molde",
    "fi": "Tampere Turku Oulu Lahti",
    "hu": "Szeged Debrecen Pécs Győr",
    "ro": "Iași Brașov Sibiu Oradea",
    "el": "Θεσσαλονίκης Πάτρας Βόλου Λάρισας",
    "id": "Bandung Surabaya Medan Yogyakarta",
    "vi": "Huế Đà_Nẵng Cần_Thơ Nam_Định",
    "zh": "青岛 无锡 武汉 成都 江阴 赣州 柳州 大理",
    "ja": "仙台 長岡 福岡 高松 松本 青葉",
    "ko": "수원 대전 전주 춘천 한강 청주",
    "ar": "الرياض جدة بيروت تونس مسقط عمّان النور الأمل",
    "hi": "जयपुर कानपुर इंदौर पटना भोपाल",
    "fa": "شیراز تبریز اصفهان مشهد",
    "he": "חיפה אשדוד רעננה נתניה",
}


def organisation(lang: str, draw: Draw, *, held_out: bool = False) -> str:
    """An invented firm, bank, office, hospital, school or club; in a third of cases named after people or towns."""
    if lang in _SHAPES and draw.random() < (0.35 if lang in ("en", *_TRADES) else 0.6):
        return _shaped(lang, draw, held_out=held_out)
    if lang in _FIRMS_ELSEWHERE:
        return draw.choice(_FIRMS_ELSEWHERE[lang].split("|"))
    name = draw.choice(FIRMS).replace("_", " ") if draw.random() < 0.6 else coined(draw)
    kind = draw.random()
    if kind < 0.12:
        name = f"{name} {draw.choice(['&', 'and', '-'])} {draw.choice(FIRMS).replace('_', ' ')}"
    elif kind < 0.2:
        name = f"{name}{draw.choice(['ify', 'ly', 'Works', 'Soft', '.ai', 'Labs', 'hub', '.io', 'Tech', 'Net', 'Med', 'Pay', ' AI', 'Bio', 'X'])}"
    elif kind < 0.24:
        name = "".join(draw.choices("ABCDEFGHKLMNPRSTVW", k=draw.choice([2, 3, 3, 4])))
    trade = _of(_TRADES, lang, draw) if draw.random() < 0.7 or name.isupper() else ""
    return " ".join(part for part in [name, trade, _of(_FORMS, lang, draw)] if part)


def _of(table: dict[str, str], lang: str, draw: Draw) -> str:
    return draw.choice(table[lang if lang in table else "en"].split("|"))


def _shaped(lang: str, draw: Draw, *, held_out: bool) -> str:
    def fill(letter: str) -> str:
        if letter == "C":
            return draw.choice(_TOWNS[lang].split()).replace("_", " ")
        if letter == "F":
            return draw.choice(FIRMS).replace("_", " ") if draw.random() < 0.5 else coined(draw)
        person = draw_person(draw, lang, held_out=held_out)
        return person.surname if letter == "S" else person.given

    return _LETTER.sub(lambda match: fill(match[0]), draw.choice(_SHAPES[lang].split("|")))


_ONSETS = [
    "B",
    "Br",
    "C",
    "Cl",
    "Cor",
    "D",
    "Dr",
    "El",
    "F",
    "Fl",
    "G",
    "Gr",
    "H",
    "J",
    "K",
    "Kr",
    "L",
    "M",
    "N",
    "Nor",
    "O",
    "P",
    "Pr",
    "Qu",
    "R",
    "S",
    "Sol",
    "St",
    "T",
    "Tr",
    "V",
    "Val",
    "W",
    "X",
    "Y",
    "Z",
]
_MIDDLES = [
    "a",
    "e",
    "i",
    "o",
    "u",
    "ae",
    "ia",
    "eo",
    "ara",
    "eri",
    "ino",
    "olu",
    "ura",
    "enti",
    "ave",
    "alo",
    "exi",
    "iri",
    "ona",
    "umi",
]
_ENDINGS = [
    "va",
    "ra",
    "nex",
    "lis",
    "tra",
    "mo",
    "dia",
    "ris",
    "lon",
    "dex",
    "vio",
    "na",
    "tek",
    "cor",
    "sys",
    "gen",
    "ta",
    "lia",
    "rix",
    "met",
    "pia",
    "zon",
    "lo",
    "max",
    "nt",
    "do",
    "fy",
    "via",
]


def coined(draw: Draw) -> str:
    """A word that sounds like a brand and is in no list."""
    return draw.choice(_ONSETS) + draw.choice(_MIDDLES) + draw.choice(_ENDINGS)

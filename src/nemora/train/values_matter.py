# ruff: noqa: E501 (word lists)
"""What people say about themselves and their firms: conditions, medicines, pay, birth dates, firms, projects, hosts, keys."""

from __future__ import annotations

import base64
import random
import string

from nemora.train.values_place import pattern

Draw = random.Random


def _words(line: str) -> list[str]:
    return line.split()


CONDITIONS = {
    "en": "type 2 diabetes|bipolar disorder|HIV|stage III breast cancer|epilepsy|Crohn's disease|asthma|ADHD|major depressive disorder|endometriosis|migraine|hepatitis C|schizophrenia|herniated disc|COPD|PTSD|atrial fibrillation|miscarriage|chlamydia|alcohol dependence|lupus|multiple sclerosis|high blood pressure|gestational diabetes|anorexia nervosa|Parkinson's|torn ACL|UTI|sleep apnea|psoriasis|panic attacks|hypothyroidism|kidney stones|early-onset Alzheimer's|dementia|macular degeneration|IBS|pneumonia|cervical dysplasia|erectile dysfunction|celiac disease|autism|bulimia|sickle cell anaemia|glaucoma|chronic fatigue|gout|hemorrhoids|ovarian cyst|acute bronchitis|opioid use disorder|stroke|postpartum depression|fibromyalgia|a slipped disc|type 1 diabetes|pre-eclampsia|tinnitus|vertigo|shingles|syphilis|herpes|scoliosis|OCD|borderline personality disorder|PCOS|tuberculosis|chronic kidney disease|cirrhosis|melanoma|leukaemia|prostate cancer|lymphoma|angina|arrhythmia|deep vein thrombosis|ulcerative colitis|diverticulitis|pancreatitis|gallstones|appendicitis|carpal tunnel|rotator cuff tear|osteoporosis|rheumatoid arthritis|eczema|rosacea|insomnia|sciatica|concussion|hearing loss|cataracts|dyslexia|Tourette's|Down syndrome|spina bifida|cystic fibrosis|anaemia|vitamin D deficiency|a peanut allergy|lactose intolerance|incontinence|burnout|suicidal thoughts|self-harm",
    "de": "Diabetes Typ 2|Burnout|Depression|Bandscheibenvorfall|Brustkrebs|Epilepsie|Bluthochdruck|Rheuma|Multiple Sklerose|Asthma|Essstörung|HIV-Infektion|Herzinfarkt|Migräne|Schwangerschaftsvergiftung",
    "fr": "diabète de type 1|dépression|cancer du sein|épilepsie|hypertension|sclérose en plaques|asthme|anorexie|VIH|hernie discale|endométriose|burn-out|hépatite B",
    "es": "diabetes tipo 2|depresión|cáncer de mama|epilepsia|hipertensión|VIH|ansiedad|hernia discal|asma|migraña crónica|esclerosis múltiple|aborto espontáneo",
    "it": "diabete|depressione|tumore al seno|epilessia|ipertensione|sclerosi multipla|asma|ernia del disco|attacchi di panico",
    "pt": "diabetes tipo 2|depressão|câncer de mama|epilepsia|hipertensão|HIV|ansiedade|hérnia de disco|asma|enxaqueca",
    "nl": "suikerziekte|depressie|borstkanker|epilepsie|hoge bloeddruk|MS|hernia|burn-out|astma",
    "pl": "cukrzyca typu 2|depresja|rak piersi|padaczka|nadciśnienie|stwardnienie rozsiane|astma", "ru": "сахарный диабет|гепатит C|биполярное расстройство|туберкулёз|грыжа|инсульт|анорексия|депрессия|эпилепсия|рак груди|гипертония|ВИЧ|астма",
    "tr": "şeker hastalığı|depresyon|epilepsi|meme kanseri|hipertansiyon|astım", "ar": "السكري|الاكتئاب|سرطان الثدي|الصرع|ارتفاع ضغط الدم|الربو|فقر الدم|التهاب الكبد|القلق|الفصام", "hi": "मधुमेह|अवसाद|उच्च रक्तचाप|मिर्गी|दमा|टीबी|स्तन कैंसर|थायराइड|एचआईवी|गठिया",
    "zh": "二型糖尿病|双相情感障碍|甲状腺结节|焦虑症|肺结核|痛风|子宫肌瘤|抑郁症|乳腺癌|癫痫|高血压|乙肝|哮喘|腰椎间盘突出", "ja": "2型糖尿病|双極性障害|子宮筋腫|認知症|適応障害|緑内障|C型肝炎|うつ病|乳がん|てんかん|高血圧|喘息|椎間板ヘルニア|パニック障害", "ko": "당뇨병|우울증|유방암|간질|고혈압|천식|공황장애|갑상선암|허리디스크|조울증|B형 간염|자궁근종|치매|불면증",
    "sv": "diabetes typ 2|depression|bröstcancer|epilepsi|högt blodtryck", "cs": "cukrovka|deprese|epilepsie|rakovina prsu", "uk": "діабет|депресія|епілепсія|астма", "id": "diabetes|depresi|kanker payudara|asma",
}  # fmt: skip
MEDICATIONS = {
    "en": "metformin|sertraline|lithium|insulin glargine|methotrexate|atorvastatin|Xanax|oxycodone|Truvada|Adderall|levothyroxine|prednisone|warfarin|Lexapro|quetiapine|Humira|lisinopril|amoxicillin|tamoxifen|naltrexone|Ozempic|lamotrigine|buprenorphine|clozapine|sildenafil|albuterol|omeprazole|fluoxetine|gabapentin|Ritalin|apixaban|dolutegravir|venlafaxine|morphine|misoprostol|Zoloft|Prozac|Wellbutrin|Cymbalta|Effexor|Abilify|Seroquel|Klonopin|Ativan|Valium|Ambien|Vicodin|Percocet|tramadol|fentanyl patch|codeine|ibuprofen 800 mg|naproxen|celecoxib|amlodipine|losartan|metoprolol|carvedilol|furosemide|spironolactone|simvastatin|rosuvastatin|clopidogrel|Eliquis|Xarelto|Jardiance|Januvia|glipizide|Humalog|Lantus|Trulicity|Wegovy|Mounjaro|Synthroid|hydrocortisone|dexamethasone|Advair|Symbicort|montelukast|azithromycin|doxycycline|ciprofloxacin|nitrofurantoin|acyclovir|valacyclovir|Biktarvy|Descovy|Keytruda|letrozole|Enbrel|Stelara|hydroxychloroquine|azathioprine|pregabalin|topiramate|valproate|Keppra|carbamazepine|donepezil|levodopa|ropinirole|Vyvanse|Concerta|Strattera|Suboxone|methadone|disulfiram|risperidone|olanzapine|haloperidol|Haldol|mirtazapine|trazodone|citalopram|escitalopram|paroxetine|duloxetine|finasteride|tadalafil|testosterone gel|Clomid|the pill|an EpiPen|ramipril 5 mg|co-codamol|allopurinol|colchicine|pantoprazole|ondansetron|tacrolimus",
    "de": "Metformin|Ramipril|Sertralin|Ritalin|Marcumar|Tilidin|L-Thyroxin|Methotrexat|Insulin|Ibuprofen 600|Pantoprazol|Bisoprolol|Eliquis|Citalopram|Mirtazapin|Quetiapin|Lyrica|Novalgin|Kortison|Elvanse|Lithium|Venlafaxin", "fr": "Doliprane|metformine|sertraline|Levothyrox|Xanax|Subutex|insuline|Ventoline|Lexomil|Seroplex|Tramadol|Eliquis|Lyrica|Ritaline|Kardégic|Plavix|cortisone", "es": "metformina|sertralina|lorazepam|enalapril|insulina|omeprazol|Orfidal|Sintrom|tramadol|Ventolin|fluoxetina|levotiroxina|atorvastatina|risperidona|clonazepam|Trankimazin",
    "it": "metformina|Xanax|Eutirox|ramipril|insulina|Coumadin|Tachipirina|Cipralex|Depakin|Lasix|cortisone|Lyrica", "pt": "metformina|Rivotril|losartana|sertralina|insulina|Puran T4|Ritalina|fluoxetina|Xarelto|omeprazol|Roacutan|clonazepam", "nl": "metformine|oxazepam|Ritalin|insuline|sertraline|bloedverdunners|prednison|Lyrica|omeprazol", "pl": "metformina|sertralina|Euthyrox|insulina|Xarelto|Nebilet|tramadol|Depakine|hydroksyzyna", "ru": "метформин|инсулин|варфарин|сертралин|эутирокс|феназепам|амлодипин|бисопролол|преднизолон|трамадол|лозартан",
    "zh": "二甲双胍|胰岛素|阿司匹林|舍曲林|氨氯地平|阿托伐他汀|布洛芬|奥司他韦|优甲乐|碳酸锂|帕罗西汀|恩替卡韦|华法林|缬沙坦", "ja": "メトホルミン|インスリン|エスシタロプラム|ワルファリン|ロキソニン|アムロジピン|デパス|レクサプロ|リリカ|チラーヂン|コンサータ|炭酸リチウム|プレドニン|ピル", "ko": "메트포르민|인슐린|와파린|졸로푸트|아모디핀|렉사프로|콘서타|타이레놀|씬지로이드|리튬|자낙스|프레드니솔론|아스피린", "ar": "ميتفورمين|الأنسولين|سيرترالين|وارفارين|كورتيزون|زاناكس|أملوديبين|ليثيوم|بانادول", "tr": "metformin|insülin|sertralin|Xanax|Coumadin|Lustral|Concerta|kortizon|Levotiron", "hi": "मेटफॉर्मिन|इंसुलिन|एम्लोडिपिन|थायरोक्सिन|वारफेरिन|पैरासिटामोल|सर्ट्रालिन",
}  # fmt: skip
_FIRMS = _words(
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


def _of(table: dict[str, str], lang: str, draw: Draw) -> str:
    return draw.choice(table[lang if lang in table else "en"].split("|"))


def condition(lang: str, draw: Draw) -> str:
    """A diagnosis or finding."""
    return _of(CONDITIONS, lang, draw)


def medication(lang: str, draw: Draw) -> str:
    """A medicine, sometimes with its strength."""
    return _of(MEDICATIONS, lang, draw)


def organisation(lang: str, draw: Draw) -> str:
    """An invented firm, bank, hospital or school."""
    if lang in _FIRMS_ELSEWHERE:
        return _of(_FIRMS_ELSEWHERE, lang, draw)
    name = draw.choice(_FIRMS).replace("_", " ")
    kind = draw.random()
    if kind < 0.12:
        name = f"{name} {draw.choice(['&', 'and', '-'])} {draw.choice(_FIRMS).replace('_', ' ')}"
    elif kind < 0.2:
        name = f"{name}{draw.choice(['ify', 'ly', 'Works', 'Soft', '.ai', 'Labs', 'hub'])}"
    parts = [name, _of(_TRADES, lang, draw) if draw.random() < 0.7 else "", _of(_FORMS, lang, draw)]
    return " ".join(part for part in parts if part)


_CODE_NAMES = _words(
    "nightjar corsair larch granite bluefin heron vendimia saffron kodiak tern lodestar marlin obsidian thistle quokka"
    " zenith falcon willow ember monsoon cormorant plover wayfinder heliotrope breakwater meridian moorhen skylark goshawk"
    " oystercatcher copperhead windmill lantern foxglove bramble driftwood magpie sundial cobalt redwood aurora apollo"
    " titan atlas mercury phoenix northstar chimera hydra nimbus quasar pelican otter badger wolverine tundra sequoia"
    " everest matterhorn vesuvius danube amazonas loire polaris andromeda calypso odyssey trident excalibur camelot"
    " bluebird hummingbird dragonfly firefly cicada mantis orchid juniper basil tamarind nutmeg paprika marzipan praline"
)
_SYSTEMS = _words(
    "ledger yard quota payout claims roster badge stock fleet meter ticket invoice fraud cart crew depot yield dose"
    " route price loan grid shift voucher parcel menu audit churn kyc recon"
)
_PARTS = _words("sync hub core gate flow engine svc api etl view link desk box pilot mesh web batch proxy stream")


def project(draw: Draw) -> str:
    """An internal code name, or the name of a program or repository of a firm's own."""
    word, other = draw.choice(_CODE_NAMES), draw.choice(_CODE_NAMES)
    system = draw.choice(_SYSTEMS) + draw.choice(["-", "", "_", "-"]) + draw.choice(_PARTS)
    return draw.choice(
        [word.title(), word.title(), word.upper(), word, f"{word.title()} {draw.randrange(2, 5)}", f"Project {word.title()}", f"{word}-{draw.choice(_PARTS)}",
         f"{word.upper()}-{draw.choice('ABCX')}{draw.randrange(1, 10)}", f"{word.title()} {other.title()}", f"{word.title()}{draw.choice(_PARTS).title()}", system, system]
    )  # fmt: skip


def host(draw: Draw) -> str:
    """A machine's name inside a firm."""
    firm = draw.choice(_FIRMS).lower().replace("_", "-")
    role = draw.choice(
        [
            "db",
            "web",
            "git",
            "jenkins",
            "vpn",
            "mail",
            "edge",
            "srv-files",
            "k8s-node",
            "redis",
            "bastion",
            "nas",
            "erp",
            "ldap",
            "prod-api",
            "staging",
        ]
    )
    role = draw.choice([role, draw.choice(_HOST_ROLES)])
    name = f"{role}{draw.choice(['', '-', '0'])}{draw.randrange(1, 40)}"
    zone = draw.choice([".internal", ".corp", ".local", ".lan", ".intra", ".net"])
    site = draw.choice(["ams", "fra", "prod", "eu-west", "hq", "prd", "dc2", "muc", "sin", "plant3"])
    return draw.choice(
        [f"{name}.{firm}{zone}", f"{name}.{site}.{firm}{zone}", f"{role}-{site}-{draw.randrange(1, 30):02}", f"{role}-{draw.randrange(1, 9)}", name,
         f"{site}-{role}-{draw.choice('abc')}-{draw.randrange(1, 200):03}".upper() if draw.random() < 0.4 else f"{site}-{role}-{draw.choice('abc')}", f"{firm[:3]}{role.replace('-', '')}{draw.randrange(1, 99):02}"]
    )  # fmt: skip


_HOST_ROLES = _words(
    "bill-svc qms-db render door scada hmi sw-core acc fw-core ora-fin kafka loki dwh etl print dc rds nas-backup pos till cam plc build-mac"
)


def url(draw: Draw) -> str:
    """A page of a person's or firm's own."""
    firm = draw.choice(_FIRMS).lower().replace("_", "-")
    return draw.choice([f"https://www.{firm}.com/{draw.choice(['careers', 'u/4821', 'portal/login', 'a/b?id=77'])}", f"http://{firm}.de", f"www.linkedin.com/in/{firm}-{draw.randrange(100)}",
                        f"https://{firm}.sharepoint.com/sites/hr", f"https://github.com/{firm}/{draw.choice(['core', 'infra', 'billing'])}", f"{firm}.co.uk/team"])  # fmt: skip


def birth_date(lang: str, draw: Draw) -> str:
    """A date of birth in one of many forms."""
    y, m, d = draw.randrange(1932, 2021), draw.randrange(1, 13), draw.randrange(1, 29)
    if lang in ("zh", "ja"):
        return draw.choice([f"{y}年{m}月{d}日", f"{y}-{m:02}-{d:02}", f"{y}/{m}/{d}"])
    if lang == "ko":
        return draw.choice([f"{y}년 {m}월 {d}일", f"{y}.{m:02}.{d:02}", f"{y % 100:02}{m:02}{d:02}"])
    months = _MONTHS.get(lang, _MONTHS["en"]).split()
    if lang != "en":
        link = " de " if lang in ("es", "pt") else ". " if lang in ("de", "cs", "da", "no") else " "
        return draw.choice(
            [
                f"{d:02}.{m:02}.{y}",
                f"{d}/{m}/{y}",
                f"{d}{link}{months[m - 1]}{' de' if lang in ('es', 'pt') else ''} {y}",
                f"{d:02}-{m:02}-{y}",
                f"{y}-{m:02}-{d:02}",
                f"{d}.{m}.{y % 100:02}",
            ]
        )
    name = months[m - 1]
    return draw.choice(
        [
            f"{m:02}/{d:02}/{y}",
            f"{d:02}/{m:02}/{y}",
            f"{name} {d}, {y}",
            f"{d} {name} {y}",
            f"{y}-{m:02}-{d:02}",
            f"{m}/{d}/{y % 100:02}",
            f"{name[:3]} {d} {y}",
            f"{d}-{name[:3]}-{y}",
            f"{y}{m:02}{d:02}",
            f"{d}{name[:3].upper()}{y % 100:02}",
            f"{name.lower()} {d}th {y}",
            f"{d:02}.{m:02}.{y}",
        ]
    )


_MONTHS = {
    "en": "January February March April May June July August September October November December", "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre", "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "it": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre", "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "nl": "januari februari maart april mei juni juli augustus september oktober november december", "pl": "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря", "tr": "Ocak Şubat Mart Nisan Mayıs Haziran Temmuz Ağustos Eylül Ekim Kasım Aralık", "sv": "januari februari mars april maj juni juli augusti september oktober november december",
}  # fmt: skip


def amount(lang: str, draw: Draw) -> str:
    """Money that somebody earns, owes or has."""
    n = draw.choice([draw.randrange(300, 9999), draw.randrange(18, 250) * 1000, draw.randrange(10000, 999999)])
    comma, dot = f"{n:,}", f"{n:,}".replace(",", ".")
    local = {"de": [f"{dot} €", f"{dot},00 EUR", f"{n} Euro"], "fr": [f"{comma.replace(',', ' ')} €", f"{n} euros"], "es": [f"{dot} €", f"{n} euros"], "it": [f"{dot} €", f"€ {dot}"], "pt": [f"R$ {dot},00", f"{dot} €"],
             "nl": [f"€ {dot}", f"€{n},-"], "pl": [f"{n} zł", f"{comma.replace(',', ' ')} zł"], "ru": [f"{n} руб.", f"{comma.replace(',', ' ')} ₽"], "zh": [f"{n}元", f"{draw.randrange(1, 90)}万", f"¥{comma}"], "ja": [f"{draw.randrange(18, 95)}万円", f"{comma}円", f"年収{draw.randrange(300, 1500)}万"],
             "ko": [f"{comma}원", f"{draw.randrange(200, 900)}만원"], "tr": [f"{dot} TL", f"{n} lira"], "ar": [f"{comma} ريال", f"{n} درهم"], "hi": [f"₹{comma}", f"{n} रुपये"], "sv": [f"{n} kr"], "cs": [f"{n} Kč"]}  # fmt: skip
    english = [
        f"${comma}",
        f"${comma}.{draw.randrange(100):02}",
        f"£{comma}",
        f"{draw.randrange(30, 240)}k",
        f"${draw.randrange(30, 240)}K",
        f"USD {comma}",
        f"{comma} dollars",
        f"€{comma}",
        f"₹{draw.randrange(4, 45)} LPA",
        f"{n}",
    ]
    return draw.choice(local.get(lang, english))


_WORDS = _words(
    "summer tiger coffee dragon monkey sunshine Berlin Chelsea maple pizza guitar rocket Willkommen soleil amigo shadow river banana falcon purple"
    "  teapot north varnish linen mortar crimson lighthouse harbour copper violet pepper walnut kitten hockey tractor cellar bishop magnet ribbon oyster saddle"
    " flieder amsel wolke mouette chaussette fromage limon naranja gatito vecchio zebra kawaii sakura jupiter comet anchor winter autumn freedom princess batman liverpool"
)


def password(draw: Draw) -> str:
    """A password as people type them, or as a manager makes them, or a PIN or one-time code."""
    word, other = draw.choice(_WORDS), draw.choice(_WORDS)
    leet = word.translate(str.maketrans("aeios", "@310$"))
    sign = draw.choice("!?#*$&.-_+/%")
    anything = string.ascii_letters + string.digits + "!#%&*+-=?@^_~"
    return draw.choice(
        [f"{word.title()}{draw.randrange(1, 2026)}{sign}", f"{leet}{draw.randrange(10, 999)}", f"{word}-{other}-{draw.choice(_WORDS)}-{draw.randrange(10, 99)}".lower(),
         "".join(draw.choices(anything, k=draw.randrange(9, 22))), pin(draw), f"{word.title()}_{other.title()}{sign}{draw.randrange(100)}", f"{word}{other}".lower() + str(draw.randrange(1, 100)),
         f"{leet.title()}@{draw.randrange(1950, 2026)}", "".join(draw.choices(string.ascii_lowercase + string.digits, k=draw.randrange(8, 13))), f"{word.title()}{sign}{other.title()}{draw.choice(['', str(draw.randrange(100))])}",
         f"{word.title()}{sign}{draw.randrange(1, 10)}{sign}{other.title()}", f"{word.lower()}{draw.randrange(1950, 2026)}"]
    )  # fmt: skip


def pin(draw: Draw) -> str:
    """A code of digits: of a card, a phone, a door, a message."""
    return pattern(
        draw.choice(
            ["####", "####", "######", "### ###", "###-###", "########", "#####", "####*", "#### ####", "#@####"]
        ),
        draw,
    )


_PLAIN_WORDS = _words(
    "goat barrel papaya cello pigeon drizzle parasol biscuit cedar gather helium trolley daisy comet cotton lobster valley stairs parrot melted elm village gravity danger"
    " seaside candle mirror piano rabbit saddle thunder garden puzzle silver engine butter window rocket planet summer yellow dinner ticket hammer basket spider"
    " cherry desert island jungle kitten lizard magnet noodle pepper quartz ribbon salmon tunnel walnut zebra anchor bridge copper dragon eagle forest guitar honey"
)


_DIGITS = _words("zero one two three four five six seven eight nine oh")


def passphrase(draw: Draw) -> str:
    """A password of plain words, or of digits said aloud."""
    if draw.random() < 0.3:
        return " ".join(draw.choice(_DIGITS) for _ in range(draw.randrange(4, 7)))
    words = draw.choices(_PLAIN_WORDS, k=draw.randrange(3, 6))
    return draw.choice([" ", " ", "-", "."]).join(words)


def recovery_phrase(draw: Draw) -> str:
    """The words from which a wallet can be restored."""
    return " ".join(draw.choices(_PLAIN_WORDS, k=draw.choice([12, 12, 24])))


def secret(draw: Draw) -> str:
    """A key or token of a machine."""

    def letters(count: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        return "".join(draw.choices(alphabet, k=count))

    return draw.choice(
        [
            "sk-" + draw.choice(["", "proj-", "ant-api03-"]) + letters(44),
            "gh" + draw.choice("ops") + "_" + letters(36),
            "AKIA" + letters(16, string.ascii_uppercase + "234567"),
            letters(40, string.ascii_letters + string.digits + "/+"),
            "xoxb-" + letters(12, string.digits) + "-" + letters(24),
            "sk_live_" + letters(24),
            "eyJhbGciOiJIUzI1NiJ9." + letters(40) + "." + letters(43),
            letters(draw.choice([32, 40, 64]), "0123456789abcdef"),
            "glpat-" + letters(20),
            base64.b64encode(draw.randbytes(24)).decode(),
            "AIza" + letters(35),
            draw.choice(["npm_", "pat_", "tok_", "key-", "hf_", "dop_v1_"]) + letters(30),
        ]
    )


def biometric(draw: Draw) -> str:
    """A template or vector taken from a body."""
    return draw.choice(
        [
            "[" + ", ".join(f"{draw.uniform(-1, 1):.4f}" for _ in range(draw.randrange(6, 14))) + "]",
            "464D5200" + "".join(draw.choices("0123456789ABCDEF", k=40)),
            base64.b64encode(draw.randbytes(36)).decode(),
        ]
    )

# ruff: noqa: E501 (word lists)
"""Invented postal addresses in each country's layout, in typed pieces."""

from __future__ import annotations

import random
import re

from nemora.train.span_text import Piece
from nemora.train.values_person import faker

_PART = re.compile(r"\{(\w+)\}")
_KIND = {
    "n": "BUILDING_NUMBER",
    "s": "STREET_NAME",
    "u": "SECONDARY_ADDRESS",
    "c": "CITY",
    "r": "STATE",
    "z": "ZIP_CODE",
}

# Per country: layouts, streets, towns, regions, post codes (# a digit, @ a capital), units. `_` is a space.
COUNTRIES: dict[str, tuple[str, str, str, str, str, str]] = {
    "en_US": ("{n} {s}, {c}, {r} {z}|{n} {s}, {u}, {c}, {r} {z}|{n} {s} {u}\n{c}, {r} {z}|{n} {s}, {c}|{n} {s}",
              "Maple_Street Elm_St Oakwood_Ave Sunset_Blvd N_5th_Street County_Road_12 Willow_Creek_Lane W_Jefferson_St Hillcrest_Dr"
              " Old_Mill_Rd SE_Division_St Park_Place Gulf_Rd Dogwood_Trail Highway_61 W_42nd_St Avenue_C Birch_Circle Cedar_Ridge_Pkwy Harbor_View_Loop Quail_Run Main_St FM_1960 Rte_27 King_George_Hwy Martin_Luther_King_Jr_Blvd Route_9 Cypress_Court Bayview_Terrace 3rd_Avenue Broadway",
              "Springfield Dayton Tulsa Boise Reno Albany Macon Fargo Amarillo Bend Chico Durango Eugene Flint Gallup Hilo Ithaca Laramie Mobile Missoula Santa_Fe Sioux_Falls Terre_Haute Yuma El_Paso St._Paul Baton_Rouge Duluth Tacoma Fort_Worth Ann_Arbor Peoria",
              "OH OK ID NV NY GA ND TX MN LA WA MI IL California Ohio Texas New_Jersey Oregon PA NC", "##### #####-####",
              "Apt_4B Unit_12 #306 Suite_210 Apt._7 Floor_3 Bldg_C Lot_19 PO_Box_448 Apt_12 Apt_901 apt_2 Unit_B #4 #12C Ste_400 Suite_1400 Rm_17 P.O._Box_2290"),
    "en_GB": ("{n} {s}, {c} {z}|{n} {s}, {c}, {z}|{u}, {n} {s}, {c}, {z}|{n} {s}\n{c}\n{z}|{n} {s}, {c}, {r} {z}",
              "High_Street Church_Lane Victoria_Road Station_Road Mill_Hill Kingsway The_Crescent Abbey_Close Wharf_Street Gladstone_Terrace"
              " Priory_Mews Market_Square Ashby_Drive Queen's_Gardens", "Leeds Norwich Bath Dundee Swansea Derby Hull Luton Exeter Belfast"
              " Milton_Keynes Stoke-on-Trent Inverness", "Kent Surrey Devon Essex West_Yorkshire Fife Cornwall Lancashire Norfolk Co._Antrim", "@@#_#@@ @#_#@@ @@##_#@@", "Flat_2 Flat_14A Apartment_9 Unit_3 1st_Floor Flat_7 Flat_B Basement_Flat Top_Floor_Flat Rose_Cottage Flat_21,_Tower_Court"),
    "en_IN": ("{u}, {n}, {s}, {c} {z}|{n}, {s}, {c}, {r} {z}|{n} {s}, {c} - {z}", "MG_Road Nehru_Nagar 2nd_Cross_Street Linking_Road Anna_Salai"
              " Gandhi_Marg Park_Street Sector_21 Brigade_Road Residency_Road", "Pune Chennai Kochi Jaipur Lucknow Indore Nagpur Mysuru New_Delhi Bengaluru",
              "Maharashtra Karnataka Kerala TN Gujarat", "###### ###_###", "Flat_304 B-12 H.No._7 Plot_45 2nd_Floor Flat_No._1102 C-404 Door_No._18 Tower_3"),
    "en_AU": ("{n} {s}, {c} {r} {z}|{u}/{n} {s}, {c} {r} {z}", "Wattle_Street Bondi_Road Collins_St Banksia_Ave Stirling_Highway Ferny_Way",
              "Geelong Fremantle Hobart Cairns Ballarat Penrith", "NSW VIC QLD WA TAS", "####", "Unit_4 3 12"),
    "en_NG": ("{n} {s}, {c}|{n} {s}, {c}, {r}", "Awolowo_Road Adeola_Odeku_Street Allen_Avenue Ogui_Road Aba_Road Bompai_Road",
              "Lagos Ibadan Enugu Kano Abuja Port_Harcourt Ikeja", "Lagos_State Rivers_State Oyo", "######", "Flat_3"),
    "de_DE": ("{s} {n}, {z} {c}|{s} {n}\n{z} {c}|{s} {n}, {c}|{s} {n}", "Hauptstraße Bahnhofstr. Goethestraße Am_Alten_Markt Lindenweg Gartenstr."
              " Kirchgasse Schillerplatz Mühlenweg An_der_Alster Karl-Marx-Allee Bergstraße Zum_Sportplatz Rosenweg Breite_Straße Alte_Gasse Deichstr. Am_Mühlbach Unter_den_Eichen Brückenstr. Ringstraße Talweg Kastanienallee Fischmarkt",
              "Köln Leipzig Bremen Jena Ulm Kassel Potsdam Freiburg_im_Breisgau Wuppertal Görlitz Wien Zürich Frankfurt_am_Main", "Hessen Bayern", "#####", "3._OG EG_links Hinterhaus WE_14 2._Etage"),
    "fr_FR": ("{n} {s}, {z} {c}|{n}, {s}\n{z} {c}|{n} {s}, {c}|{u}, {n} {s}, {z} {c}", "rue_de_la_Paix avenue_Jean_Jaurès boulevard_Voltaire"
              " rue_des_Lilas place_de_la_République chemin_du_Moulin impasse_des_Tilleuls rue_Victor_Hugo quai_de_la_Fosse allée_des_Peupliers",
              "Lyon Nantes Rennes Dijon Nîmes Saint-Étienne Brest Aix-en-Provence Liège Lausanne Pau", "Bretagne", "#####", "Bât._B Appt_12 3e_étage appt._4 Résidence_Les_Pins esc._C"),
    "es_ES": ("{s} {n}, {z} {c}|{s}, {n}, {u}, {z} {c}|{s} nº {n}, {c}|{s}, {n}\n{z} {c} ({r})", "Calle_Mayor Avda._de_la_Constitución C/_Goya"
              " Paseo_de_Gracia Plaza_de_España Calle_San_Juan Ronda_de_Atocha Camino_Viejo Calle_Olivares", "Sevilla Zaragoza Murcia Gijón Vigo Cádiz"
              " Córdoba Las_Palmas Bogotá Guadalajara Rosario", "Madrid Asturias Jalisco", "#####", "3º_B 2º_izq. piso_4 bajo_A 1º_dcha. 5º_C esc._2 Ático portal_3"),
    "it_IT": ("{s} {n}, {z} {c}|{s}, {n} - {z} {c} ({r})|{s} {n}, {c}", "Via_Roma Corso_Garibaldi Piazza_Dante Viale_Europa Via_dei_Mille Via_XX_Settembre"
              " Largo_Augusto Vicolo_Stretto", "Torino Bologna Bari Padova Lecce Trieste Cagliari Reggio_Emilia", "MI TO BO RM", "#####", "int._4 scala_B piano_3"),
    "pt_BR": ("{s}, {n}, {c} - {r}, {z}|{s}, {n}, {u} - {c}/{r}|{s} {n}, {c}", "Rua_das_Flores Avenida_Paulista Rua_Augusta Travessa_da_Glória Rua_XV_de_Novembro"
              " Alameda_Santos Rua_Padre_Chagas", "Curitiba Recife Manaus Goiânia Niterói Porto_Alegre Belém Lisboa Braga", "PR PE SP RJ MG", "#####-###", "apto_302 bloco_B casa_2 apto._11 sala_405 fundos"),
    "nl_NL": ("{s} {n}, {z} {c}|{s} {n}\n{z} {c}|{s} {n}, {c}", "Dorpsstraat Prinsengracht Kerkstraat Molenweg Stationsplein Beukenlaan Oude_Gracht Lange_Voorhout",
              "Utrecht Haarlem Breda Zwolle Gent Leuven 's-Hertogenbosch Den_Haag", "Gelderland", "####_@@", "bus_3"),
    "pl_PL": ("{s} {n}, {z} {c}|{s} {n}/{u}, {z} {c}|{s} {n}, {c}", "ul._Długa ul._Mickiewicza al._Jerozolimskie os._Słoneczne ul._Polna pl._Wolności ul._3_Maja",
              "Łódź Gdańsk Lublin Wrocław Rzeszów Kielce Bielsko-Biała", "Mazowieckie", "##-###", "4 12 m._7 m._23 8"),
    "cs_CZ": ("{s} {n}, {z} {c}|{s} {n}, {c}", "Dlouhá Husova Na_Příkopě Palackého_třída U_Nádraží Masarykovo_náměstí Květná", "Brno Olomouc Plzeň Zlín Kolín", "", "###_##", ""),
    "sv_SE": ("{s} {n}, {z} {c}|{s} {n}, {c}", "Storgatan Vasagatan Kungsvägen Björkstigen Ringvägen Drottninggatan", "Malmö Uppsala Luleå Växjö Borås", "", "###_##", "lgh_1102"),
    "da_DK": ("{s} {n}, {z} {c}|{s} {n}, {u}, {z} {c}", "Vestergade Nørrebrogade Kirkevej Strandvejen Skovvej Østre_Allé", "Odense Aarhus Esbjerg Oslo Bergen Tromsø", "", "####", "2._tv st._th"),
    "fi_FI": ("{s} {n}, {z} {c}|{s} {n} {u}, {c}", "Mannerheimintie Koulukatu Rantatie Hämeenkatu Mäkikuja", "Tampere Turku Oulu Espoo", "", "#####", "A_12 B_4"),
    "tr_TR": ("{s} No: {n}, {c}|{s} No:{n} {u}, {z} {c}", "Atatürk_Caddesi Cumhuriyet_Mah._Lale_Sok. İstiklal_Cad. Gül_Sokak Bağdat_Caddesi", "Ankara İzmir Bursa Konya Üsküdar/İstanbul", "", "#####", "D:5 Kat_3"),
    "ru_RU": ("{z}, г. {c}, {s}, д. {n}, {u}|{c}, {s}, {n}|{s} д. {n}, {c}", "ул._Ленина ул._Пушкина ул._Кирова Московский_пр. Лесная_ул. пр._Мира ул._Садовая Невский_проспект ул._Гагарина пер._Тихий", "Казань Новосибирск Екатеринбург Пермь Тула Самара Тверь Омск Москва Минск", "", "######", "кв._12 кв._7"),
    "uk_UA": ("{s}, {n}, м. {c}, {z}|{s} {n}, {c}", "вул._Шевченка вул._Франка просп._Перемоги вул._Зелена", "Львів Одеса Харків Київ Полтава", "", "#####", ""),
    "el_GR": ("{s} {n}, {z} {c}|{s} {n}, {c}", "Ερμού Πανεπιστημίου Αγίου_Δημητρίου Ακαδημίας", "Αθήνα Θεσσαλονίκη Πάτρα Βόλος", "", "###_##", ""),
    "hu_HU": ("{z} {c}, {s} {n}.|{c}, {s} {n}", "Kossuth_Lajos_utca Petőfi_tér Fő_utca Rákóczi_út", "Szeged Debrecen Pécs Budapest", "", "####", ""),
    "ro_RO": ("{s} nr. {n}, {c}|{s}, nr. {n}, {u}, {c}, {z}", "Str._Unirii Bd._Magheru Calea_Victoriei Str._Florilor", "Cluj-Napoca Iași Brașov Sibiu", "", "######", "ap._7 bl._C3"),
    "ar_SA": ("{s}، {c} {z}|{n} {s}، {c}", "شارع_الملك_فهد شارع_التحرير طريق_الحرمين شارع_الحمرا شارع_النصر", "الرياض مكة بغداد بيروت الخرطوم تونس مسقط جدة القاهرة عمّان دبي الدار_البيضاء", "", "#####", ""),
    "hi_IN": ("{n}, {s}, {c} {z}|{s}, {c}", "महात्मा_गांधी_मार्ग गली_नंबर_4 राजेंद्र_नगर शास्त्री_कॉलोनी नेहरू_नगर स्टेशन_रोड सिविल_लाइन्स", "जयपुर मुंबई कानपुर इंदौर पुणे वाराणसी लखनऊ भोपाल पटना दिल्ली", "", "######", ""),
    "zh_CN": ("{c}{s}{n}|{c}{s}{n}{u}|{z} {c}{s}{n}", "人民路 长江路 和平大道 文昌街 学府路 滨河南路 建国路 中山北路 南京西路 解放大街 幸福巷 科技园路", "北京市朝阳区 上海市静安区 广州市天河区 武汉市洪山区 南京市鼓楼区 西安市雁塔区 重庆市渝北区 无锡市梁溪区 成都市武侯区 杭州市西湖区 深圳市南山区 台北市大安區", "", "######", "3单元502室 12楼1203室"),
    "ja_JP": ("〒{z} {c}{s}{n}|{c}{s}{n} {u}|{c}{s}{n}", "桜町 若葉台 松原 上野 神田 南町 本町 中央 緑ヶ丘 東山 大手町 旭が丘", "東京都新宿区 東京都世田谷区 名古屋市中区 京都市左京区 仙台市青葉区 広島市南区 さいたま市大宮区 大阪市北区 横浜市港北区 札幌市中央区 長岡市 福岡県福岡市", "", "###-####", "メゾン青葉203号室 305号"),
    "ko_KR": ("{c} {s} {n}|{c} {s} {n}, {u}|({z}) {c} {s} {n}", "테헤란로 올림픽로 양재대로 한강로 충장로 세종대로 중앙로 월드컵북로 해운대로 은행나무길", "서울특별시_강남구 서울시_마포구 인천광역시_연수구 광주광역시_북구 제주시 성남시_분당구 부산광역시_해운대구 대전시_유성구 수원시_영통구", "", "#####", "101동_1203호 502호"),
    "id_ID": ("{s} No. {n}, {c} {z}|{s} No.{n}, {c}", "Jl._Sudirman Jalan_Merdeka Gg._Mawar Jl._Diponegoro", "Bandung Surabaya Medan Yogyakarta", "", "#####", ""),
    "vi_VN": ("{n} {s}, {u}, {c}|{n} {s}, {c}", "Lê_Lợi đường_Nguyễn_Huệ Trần_Hưng_Đạo phố_Hàng_Bông", "Hà_Nội Đà_Nẵng TP._Hồ_Chí_Minh Huế", "", "######", "Quận_1 phường_5"),
    "he_IL": ("{s} {n}, {c}|{s} {n}, {c} {z}", "הרצל דיזנגוף בן_יהודה רוטשילד ויצמן", "תל_אביב חיפה ירושלים באר_שבע", "", "#######", ""),
}  # fmt: skip
OF_LANGUAGE = {name[:2]: name for name in COUNTRIES if name[:2] != "en"} | {"no": "da_DK", "sk": "cs_CZ"}
_ENGLISH = tuple(name for name in COUNTRIES if name[:2] == "en")
_FAKED = frozenset({"de_DE", "fr_FR", "es_ES", "it_IT", "nl_NL", "pl_PL", "sv_SE", "da_DK", "fi_FI", "pt_BR", "ru_RU"})
"""Countries for which Faker's street names are as people write them."""
_AFTER = {"zh_CN": "号", "ja_JP": ""}


def country_of(lang: str, draw: random.Random) -> str:
    """A country whose addresses stand in texts of a language."""
    if lang == "en" or lang not in OF_LANGUAGE:
        return draw.choice(_ENGLISH) if draw.random() < 0.75 else draw.choice(sorted(COUNTRIES))
    return OF_LANGUAGE[lang]


def parts(country: str, draw: random.Random) -> dict[str, str]:
    """What the layouts of a country are filled with, by letter: n, s, u, c, r, z."""
    _, streets, towns, regions, codes, units = COUNTRIES[country]
    chosen = {
        letter: draw.choice(words.split() or [""]).replace("_", " ")
        for letter, words in zip("scru", (streets, towns, regions, units), strict=True)
    }
    if country in _FAKED and draw.random() < 0.5:
        source = faker(country)
        source.random = draw
        chosen["s"] = str(source.street_name())
    if country in ("en_US", "en_GB", "en_AU") and draw.random() < 0.4:
        source = faker("en_US")
        source.random = draw
        chosen["s"] = (
            f"{source.last_name()} {draw.choice(['Street', 'St', 'Road', 'Lane', 'Ave', 'Court', 'Way', 'Close'])}"
        )
    if chosen["u"] and draw.random() < 0.6:
        chosen["u"] = box(country[:2], draw)
    chosen["z"] = pattern(draw.choice(codes.split()).replace("_", " "), draw)
    chosen["n"] = _number(country, draw)
    return chosen


def _number(country: str, draw: random.Random) -> str:
    if country == "ja_JP":
        return f"{draw.randrange(1, 9)}-{draw.randrange(1, 30)}-{draw.randrange(1, 30)}"
    number = str(
        draw.choice(
            [draw.randrange(1, 60), draw.randrange(1, 300), draw.randrange(100, 9999 if country == "en_US" else 400)]
        )
    )
    letter = (
        draw.choice(["a", "b", "A", " bis" if country == "fr_FR" else "C"])
        if draw.random() < 0.12 and country != "zh_CN"
        else ""
    )
    return number + letter + _AFTER.get(country, "")


def address(lang: str, draw: random.Random) -> list[Piece]:
    """A whole address, on one line or several."""
    country = country_of(lang, draw)
    chosen = parts(country, draw)
    layouts = [
        layout for layout in COUNTRIES[country][0].split("|") if all(chosen[name] for name in _PART.findall(layout))
    ]
    pieces: list[Piece] = []
    at = 0
    layout = draw.choice(layouts)
    for match in _PART.finditer(layout):
        pieces += [(layout[at : match.start()], None), (chosen[match[1]], _KIND[match[1]])]
        at = match.end()
    return [piece for piece in (*pieces, (layout[at:], None)) if piece[0]]


def part(letter: str, lang: str, draw: random.Random) -> list[Piece]:
    """One part of an address by itself."""
    if letter == "u" and draw.random() < 0.7:
        return [(box(lang, draw), "SECONDARY_ADDRESS")]
    for _ in range(20):
        if value := parts(country_of(lang, draw), draw)[letter]:
            return [(value, _KIND[letter])]
    return [(parts("en_US", draw)[letter], _KIND[letter])]


_BOXES = {
    "de": "Postfach ####|Postfach ## ## ##|Postfach ##|#. OG|#. Stock|EG links|#. OG rechts|Whg. ##|Wohnung ##|Hinterhaus|Seitenflügel|Haus @|Aufgang #|Tür ##|Stiege #, Top ##|Gebäude ##|Zimmer ###|Etage #|DG|UG|Souterrain|WE ##",
    "fr": "BP ###|CS #####|BP ## ###|appt ##|Appt. @##|apt #|#e étage|#ème étage|rez-de-chaussée|RDC gauche|bât. @|Bâtiment #|esc. @|Escalier #|porte ##|résidence Les Tilleuls|lot ##|TSA #####|chambre ###|étage #, porte @",
    "es": "Apartado ###|Apdo. de correos ###|Apdo. ####|#º @|#º izq.|#º dcha.|piso #|piso #, puerta @|bajo @|ático|entreplanta|esc. #|escalera @|portal #|bloque #|local #|puerta ##|depto. ###|Depto ##|int. #|interior ##|torre @|oficina ###|C.P. ####",
    "it": "C.P. ###|Casella Postale ##|int. #|interno ##|scala @|piano #|#° piano|sc. @ int. #|pal. @|palazzina #|lotto #|piano terra|ufficio ##",
    "pt": "Caixa Postal ###|apto ###|ap. ##|apto. ####|bloco @|Bl. # apto ##|casa #|sala ###|conjunto ##|#º andar|andar #|fundos|torre #|lote ##|quadra #|r/c esq.|#º dto.|#º esq.|loja #",
    "nl": "Postbus ####|Postbus #####|# hoog|bus #|bus ##|app. ##|appartement #|#e verdieping|-##|unit #|kamer #|souterrain|bovenwoning|huis @|Antwoordnummer ###",
    "pl": "skr. poczt. ##|skrytka pocztowa ###|m. ##|m. #|lok. #|lokal ##|mieszkanie #|klatka #|piętro #|# piętro|bud. @|blok #",
    "ru": "кв. ##|кв. ###|квартира ##|корп. #|корпус #|стр. #|офис ###|оф. ##|подъезд #|этаж #|комн. ##|а/я ##|а/я ###|лит. А|пом. ##", "uk": "кв. ##|квартира #|під'їзд #|поверх #|офіс ##|корп. #|а/с ##|оф. ###",
    "zh": "#单元###室|##楼####室|###室|##号楼|#栋####|#座##层|A座####|##幢#单元###|地下一层|#号楼#单元##01|邮政信箱##号|@栋###", "ja": "###号室|##階|#F|コーポ山田###|メゾン青葉###|ハイツ###号|グランドメゾン#号棟|私書箱##号|サンハイム####|#号棟###|レジデンス##|###号", "ko": "###동 ####호|####호|##층|#층 ###호|@동|지하 #층|지층|옥탑방|사서함 ##호|#단지 ###동|별관 #층",
    "tr": "D:#|D: ##|Daire #|Daire: ##|Kat #|Kat: #|kat:# d:#|Blok @|@ Blok|Giriş kat|P.K. ##|No: #|Apt. ##", "ar": "شقة #|شقة ##|الطابق #|الدور #|عمارة ##|ص.ب ####|صندوق بريد ###|مكتب ##|مبنى #|برج #", "hi": "फ्लैट नं. ##|फ्लैट ###|मंज़िल #|दूसरी मंजिल|तीसरा तल|ब्लॉक @|टावर #|पोस्ट बॉक्स ##|कमरा नं. #|दुकान नं. ##|मकान नं. ##",
    "cs": "byt č. #|byt ##|#. patro|P.O. Box ##|vchod @|pošt. přihrádka ##|přízemí", "sv": "lgh ####|lägenhet ##|# tr|Box ###|Box ####|uppgång @|vån #|c/o", "da": "#. tv|#. th|#. mf|st. tv|st. th|kld.|Postboks ###|lejl. ##|opgang @", "no": "H0###|leil. ##|Postboks ###|Postboks ##|#. etasje|oppgang @|U0###", "fi": "as. #|as ##|@ ##|PL ##|PL ###|rappu @|krs #|bst #", "hu": "#. em. #.|#. emelet ##. ajtó|fszt. #.|fsz. #|Pf. ##|Pf.: ###|@ ép.|tetőtér",
    "ro": "ap. ##|ap. #|bl. @#|bl. @# sc. @ ap. ##|sc. @|et. #|etaj #|C.P. ##|camera #", "el": "διαμ. #|#ος όροφος|Τ.Θ. ###|ισόγειο|Διαμέρισμα #|γραφείο ##", "id": "RT 0#/RW 0#|RT.00#/RW.00#|Lt. #|Lantai ##|Blok @ No. #|Blok @#|Unit ##@|Kamar ##|PO BOX ###|Apartemen Kalibata Tower @", "vi": "phòng ###|P.###|tầng #|căn hộ ##|lầu #|chung cư @#|tòa @|block @|ngách ##|ngõ ##", "he": "דירה #|דירה ##|קומה #|כניסה @|ת.ד. ###|ת.ד ####|בניין #", "fa": "واحد #|واحد ##|طبقه #|پلاک ##|صندوق پستی ###|بلوک #", "th": "ชั้น #|ห้อง ###|อาคาร @|ตู้ ปณ. ##|หมู่ #|หมู่ที่ #|ซอย #", "sw": "S.L.P. ####|S.L.P ###|P.O. Box ####-00###|ghorofa ya #|Chumba #|Nyumba na. ##", "hr": "stan #|#. kat|kat #|p.p. ##|ulaz @|prizemlje", "bg": "ап. ##|ет. #|вх. Б|бл. ###|п.к. ##|офис #", "bn": "ফ্ল্যাট #|তলা #|#য় তলা|জিপিও বক্স ###",
}  # fmt: skip
_BOXES_ENGLISH = (
    "P.O. Box ####|PO Box ###|P O Box #####|POB ###|Post Office Box ####|P.O.Box ##|po box ###|Box ####|PMB ###|Locked Bag ####|GPO Box ####|Private Bag ####|Private Bag X##|RR # Box ##|HC ## Box ###|PSC ### Box ####|Drawer ##"
    "|Apt ##@|Apt. #|apt ##|APT #@|apartment ###|Apartment #@|Appt ##|Unit ##|unit #@|Unit @|Unit @-##|Suite ###|suite ###|Suite @|STE ###|Ste. ###|ste ##|#@|#-@|Flat #|flat ##|Flat #@|Flat @|Flat No. ##|Flat #, Block @|Flat #/#|Floor ##|#th floor|##th Floor|2nd floor|3rd Fl|1st flr|Fl. ##|Level ##|L##|Lvl #|Ground Floor|ground flr left|Mezzanine|Basement|the basement flat|basement apt|Top Flat|top floor flat|Garden Flat|upstairs unit|rear unit|rear of building"
    "|Building @|Bldg. ##|Bldg #|bldg @|Block @|Blk ###|Blk ### #0#-###|#0#-###|Room ###|Rm ##|room #@|Rm. ####|Lot ##|lot #|Trailer ##|Space ##|Spc ##|Slip ##|Hangar #|Tower @, Flat ###|Tower #|Wing @|@ Wing|Penthouse #|PH##|PH|Studio ##|Bay ##|Dock #|Desk ###|Cubicle ##|Mailstop ###|MS ##-###|Mail Stop @##|Dept ###|Stop ####|Door No. ##|Plot ##|Plot No. ###|House No. ##|H.No. ##|Shop #|Shop No. ##|Stall ##|Kiosk #|Office ###|Office #@|Villa ##|Cottage #|Annex @|The Annexe|The Coach House|Rose Cottage|The Old Rectory|Staircase #|Stairwell @|Entrance @|c/o Front Desk|Dorm ###|Bunk ##|Ward #@|Cell @-##"
)


def box(lang: str, draw: random.Random) -> str:
    """A post box, or a second line of an address: flat, floor, block, part of a building."""
    if lang == "en" and draw.random() < 0.07:
        return f"#{draw.randrange(1, 2000)}"
    shapes = _BOXES[lang] if lang in _BOXES and draw.random() < 0.85 else _BOXES_ENGLISH
    return pattern(draw.choice(shapes.split("|")), draw)


def pattern(shape: str, draw: random.Random) -> str:
    """A text after a pattern: # is a digit, @ a capital, anything else itself."""
    return "".join(
        str(draw.randrange(10)) if c == "#" else draw.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c == "@" else c
        for c in shape
    )

# ruff: noqa: E501 (word lists)
"""Invented people: names as they are written in many countries, and what hangs on them (e-mail address, handle)."""

from __future__ import annotations

import functools
import random
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

from nemora.train.span_text import Piece
from nemora.train.values_east_asia import composed_name

LANGUAGES: dict[str, tuple[str, ...]] = {
    "en": ("en_US", "en_GB", "en_IN", "en_NG", "en_KE", "ga_IE", "zu_ZA", "yo_NG", "ig_NG", "ha_NG", "pinyin", "hangul",
           "romaji", "arabic", "viet", "tw_GH", "az_AZ", "lv_LV", "et_EE", "en_PK"),
    "de": ("de_DE", "tr_TR"), "fr": ("fr_FR", "arabic"), "es": ("es_ES", "es_MX"), "it": ("it_IT",),
    "pt": ("pt_BR", "pt_PT"), "nl": ("nl_NL",), "pl": ("pl_PL",), "cs": ("cs_CZ",), "sk": ("sk_SK",), "hu": ("hu_HU",),
    "ro": ("ro_RO",), "ru": ("ru_RU",), "uk": ("uk_UA",), "bg": ("bg_BG",), "tr": ("tr_TR", "tr_TR", "az_AZ"), "ar": ("ar_SA", "ar_SA", "ar_AA"),
    "fa": ("fa_IR",), "he": ("he_IL",), "hi": ("hi_IN",), "bn": ("bn_BD",), "ja": ("ja_JP",), "ko": ("ko_KR",),
    "zh": ("zh_CN", "zh_TW"), "vi": ("viet",), "id": ("id_ID",), "th": ("th_TH",), "sv": ("sv_SE",), "no": ("no_NO",),
    "da": ("da_DK",), "fi": ("fi_FI",), "el": ("el_GR",), "hr": ("hr_HR",), "sl": ("sl_SI",), "lt": ("lt_LT",),
    "sw": ("en_KE",), "ur": ("ur_PK",),
}  # fmt: skip
"""Locales from which names are drawn for texts in a language."""
HELD_OUT = frozenset({"sk_SK", "sl_SI", "lt_LT", "zu_ZA", "bn_BD", "sv_SE", "es_MX", "hangul", "bg_BG"})
"""Locales whose names are only used for validation."""
ANYWHERE = tuple(sorted({name for names in LANGUAGES.values() for name in names if not name.startswith(("ar_", "fa", "he", "hi",
                 "bn", "ja", "ko", "zh", "th", "ru", "uk", "bg", "el", "ur"))}))  # fmt: skip
"""Locales in Latin letters: people of all countries stand in English, German or French texts."""
SURNAME_FIRST = frozenset({"ja_JP", "ko_KR", "zh_CN", "zh_TW", "hu_HU", "viet"})
UNSPACED = frozenset({"ja_JP", "ko_KR", "zh_CN", "zh_TW"})

COMPOSED_SHARE = 0.75
"""Of the names in Chinese, Japanese and Korean; the others are Faker's."""

OWN: dict[str, tuple[str, str]] = {
    "pinyin": (
        "Wei Fang Jing Xiuying Lei Yan Jie Qiang Min Na Haoyu Zihan Yuxuan Mengyao Xiaoming Guoliang Shu-fen Chun-hui Yi"
        " Bo Ting Ling Jianhua Zhiyuan Ruoxi Xinyi Xiaohong Xiaoyu Wenjie Jiayi Siyu Haoran Zixuan Tianyu Meiling Yifan Junjie Ziyang Peng Chao Hui Lan Hong Ying Xia Jun Gang Bin Shan Kai Yu Dan Mei-hua Chih-ming Ka-wai Siu-ming Wing-yan Qing Rui Shuang Xue Zhen Ning Yue",
        "Wang Li Zhang Liu Chen Yang Huang Zhao Wu Zhou Xu Sun Ma Zhu Hu Guo He Lin Luo Ouyang Situ Tsai Hsieh Cheung"
        " Kwok Ng Tan Xie Qiu Feng Lu Deng Cao Peng Zeng Xiao Tian Dong Pan Yuan Cai Jiang Yu Du Ye Cheng Wei Su Lü Ding Ren Shen Yao Fu Zhong Cui Tan Liao Fan Wang Jin Shi Dai Jia Xia Fong Chan Lam Leung Cheng Yip Siu Goh Teo Lim Ong Chua Chiang Hsu Tseng",
    ),
    "hangul": (
        "Min-jun Seo-yeon Ji-woo Ha-eun Do-yun Jiho Sumin Eunji Hyun-woo Yuna Kyungsoo Taeyang Mi-sook Young-ja Byung-hun"
        " Sooyoung Jae-hyun Nari Hye-jin Ji-hoon Soo-jin Eun-ji Kyung-hee Sang-hoon Dong-hyun Seung-min Yoo-jin Ji-min Hae-won Tae-min Jin-woo Min-seo Chae-won Jung-ho Sun-hee Yeong-su Bo-ra Da-eun Gyu-ri Woo-jin Seok-jin Na-yeon",
        "Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Shin Kwon Hwang Song Ahn Yoo Namgung Baek Moon Han Oh Seo Ryu Jeon Hong Ko Son Yang Bae Cho Heo Nam Shim Noh Ha Kwak Sung Cha Joo Woo Koo Min Na Jin Eom Chae Won Cheon Bang Gong Hyun Ham Yeom Yi Pak Jeong",
    ),
    "romaji": (
        "Haruto Yui Sota Hina Ren Aoi Kaito Sakura Takumi Misaki Kenji Naoko Hiroshi Yumiko Shinji Ayaka Daisuke Emi"
        " Tatsuya Chiyo Yuto Riku Asahi Hinata Yuna Mei Rin Saki Mio Akari Kenta Ryo Sho Makoto Akira Kazuki Keiko Yoko Michiko Noriko Satoshi Takeshi Yuji Masato Mayumi Tomoko Kaori Yuka Shota Koji Mariko Haruka Nanami Ryota Jun'ichi Shun",
        "Sato Suzuki Takahashi Tanaka Watanabe Ito Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Matsumoto Inoue"
        " Kimura Shimizu Hayashi Ōta Fujiwara Yamaguchi Saito Mori Abe Ikeda Hashimoto Ishikawa Maeda Ogawa Goto Okada Hasegawa Murakami Kondo Ishii Sakamoto Endo Aoki Fujii Nishimura Fukuda Miura Nakajima Matsuda Harada Ono Tamura Takeuchi Kaneko Wada Nakano Ueda Morita Kojima Sakai Miyazaki Arai Kudo Ōno Sugiyama Chiba Masuda Uchida Hirano",
    ),
    "arabic": (
        "Mohammed Ahmad Fatima Aisha Omar Khalid Layla Yusuf Maryam Ibrahim Noor Zaynab Hamza Salma Rania Tariq Abdul-Rahman"
        " Abdullah Huda Samir Nadia Karim Yasmine Bilal Soraya Mustapha Amina Hassan Hussein Ali Saeed Rashid Majid Faisal Sultan Waleed Ziad Rami Fadi Jad Nabil Hani Amr Mahmoud Mostafa Sherif Hoda Mona Dina Rasha Reem Lina Hala Sara Hind Amal Iman Latifa Khadija Malika Naima Houda Sofiane Mehdi Anas Ayoub Zakaria Ismail Idris Moussa Adel Jamal Wassim Ghassan Marwan Lubna Noura Shaima Rawan Dalal Abdelkader Abdul_Aziz Muhammad_Ali Nour_el-Din Umm_Kulthum",
        "al-Sayed El-Masri Haddad Khoury bin_Salem Al_Hashimi Mansour Benali Bouzid Hussein Rahman Nasser Aziz Darwish"
        " al_Farsi El_Amrani Saleh Qureshi Shaikh Tahir Zidane Abu_Bakr Ben_Youssef Al_Otaibi al-Harbi Al-Qahtani al-Ghamdi Al_Shehri Al-Dosari Al_Maktoum Al-Thani al-Sabah Hamdan Shalabi Najjar Sabbagh Hakim Taleb Saad Fayed Fawzi Gamal Rizk Farouk Ramadan Shaheen Barakat Awad Issa Hamid Jaber Kassem Safi Younes Abdallah Abdel_Rahman ibn_Rashid Belhaj Bennani Tazi Alaoui Chraibi Cherkaoui Boudiaf Hamidi Slimani Trabelsi Gharbi Jaziri Ouali Mahfouz Abu_Zayd Abu_Hamdan Abou_Chakra El_Khatib El_Sherbiny Al-Tikriti al_Baghdadi Ansari Siddiqui Farooqi Malik Butt",
    ),
    "viet": (
        "Văn_An Thị_Hoa Minh_Anh Quốc_Bảo Thanh_Hương Đức_Long Ngọc_Lan Tuấn Phương Thu_Hà Gia_Huy Khánh_Linh Hải Mai"
        " Hữu_Nghĩa Bích_Trâm Minh Hùng Dũng Quang Tuấn_Anh Thảo Ngọc Hoa Yến Thủy Trang Hà Vy Nhi My Bảo_Châu Xuân_Mai Hoàng_Nam Đình_Phúc Công_Vinh Trung Kiên Sơn Thành Văn_Hải Kim_Oanh Hồng_Nhung Diễm_My Như_Quỳnh Nhật_Minh Phúc Tâm",
        "Nguyễn Trần Lê Phạm Hoàng Huỳnh Phan Vũ Võ Đặng Bùi Đỗ Hồ Ngô Dương Lý Trịnh Đinh Lâm Mai Cao Lương Tạ Hà Tô Châu Thái Quách Kiều Vương Nguyen Tran Le Pham Hoang Huynh Vu Vo Dang Bui Do Ngo Duong Ly Truong Trương Tôn",
    ),
    "ar_SA": (
        "محمد أحمد فاطمة عائشة عمر خالد ليلى يوسف مريم إبراهيم نور زينب حمزة سلمى رانيا طارق عبدالله هدى سمير نادية كريم علي حسن حسين محمود مصطفى سعيد فيصل ماجد بدر تركي سلطان وليد زياد رامي فادي نبيل هاني عمرو شريف أمل إيمان منى دينا رشا ريم لينا هالة سارة هند لطيفة خديجة مليكة نورة شيماء روان دلال عبدالرحمن عبدالعزيز عبدالكريم مها سعاد إسماعيل أيوب زكريا أنس مهدي جمال عادل وسيم غسان مروان لبنى أسماء بشرى جواهر حنان رغد شهد غادة فرح كوثر ميساء وفاء ياسمين بسام جابر حاتم رائد صالح طلال فهد قاسم لؤي مازن نواف هيثم يحيى محمد_علي نور_الدين صلاح_الدين",
        "الحربي العتيبي القحطاني الشمري حداد خوري منصور بن_علي المصري الهاشمي درويش ناصر السيد الزهراني العلي سليمان الدوسري الغامدي الشهري المطيري السبيعي العنزي الرشيدي البقمي آل_سعود آل_مكتوم الخطيب النجار الحداد الصباغ الحكيم شاهين بركات عوض عيسى حامد جابر قاسم صافي يونس عبدالله أبو_زيد أبو_حمدان أبو_شقرا بن_سالم بن_يوسف بلحاج بناني التازي العلوي الشرايبي بوضياف حميدي سليماني الطرابلسي الغربي الجزيري محفوظ الشربيني التكريتي البغدادي الكعبي الجبوري العبيدي الموسوي الساعدي الربيعي الفارسي البلوشي الكندي الأنصاري رمضان فاروق عبد_الرحمن عبد_الفتاح الشافعي القرني الصالح المالكي الأحمد الحسن العمري اليافعي الزبيدي",
    ),
    "ur_PK": (
        "محمد احمد علی حسن حسین عمران عثمان بلال فیصل کامران شہزاد ندیم وسیم سلیم نعیم ارشد اسلم اکرم جاوید طارق خالد ساجد ماجد واجد زاہد شاہد راشد عابد ناصر یاسر عامر عمر ابوبکر حمزہ طلحہ زبیر سعد حارث دانیال موسیٰ عیسیٰ یحییٰ ادریس الیاس جنید فہد شعیب عدنان رضوان سلمان ذیشان نعمان فرحان عرفان غفران رحمان غلام_مصطفیٰ محمد_علی عبد_الرحمٰن عبداللہ عبدالقیوم نور_محمد گل_خان شیر_علی بابر ہمایوں جہانگیر اکبر ٹیپو فاطمہ عائشہ خدیجہ زینب مریم آمنہ حفصہ رقیہ کلثوم صفیہ سمیہ نادیہ شازیہ فوزیہ رابعہ سعدیہ عالیہ نازیہ صائمہ ثنا حنا ندا صدف کرن سحر شبنم نرگس یاسمین پروین نسرین شاہین غزالہ مہوش ماہین ایمان انعم اقرا مناہل عروج فریحہ بشریٰ عظمیٰ لبنیٰ سلمیٰ رخسانہ فرزانہ شبانہ ریحانہ روبینہ ثمینہ تہمینہ زیبا ہما نازش ارم گلناز بی_بی_جان نور_جہاں زرینہ منیرہ کوثر طاہرہ زاہدہ ساجدہ",
        "خان ملک چوہدری بٹ قریشی صدیقی فاروقی عثمانی انصاری شیخ سید نقوی رضوی زیدی کاظمی جعفری بخاری گیلانی ہاشمی عباسی اعوان راجپوت راجا رانا مغل مرزا بیگ جٹ گجر ڈوگر وڑائچ چیمہ باجوہ گوندل سندھو لودھی درانی آفریدی یوسفزئی خٹک شنواری مہمند اچکزئی بگٹی مینگل رئیسانی لغاری مزاری جتوئی بھٹو سومرو میمن کھوکھر ڈار میر لون وانی صابری چشتی قادری نقشبندی سہروردی ترمذی فریدی کیانی ستی جنجوعہ تارڑ رندھاوا ساہی",
    ),
}  # fmt: skip
"""Given names and surnames where Faker has none; `_` is a space within a name."""


@dataclass(frozen=True, slots=True)
class Person:
    """An invented person and where the name comes from."""

    given: str
    surname: str
    locale: str

    @property
    def ascii(self) -> tuple[str, str]:
        """Given name and surname in small Latin letters, as addresses have them; "" where there are none."""
        return _plain(self.given), _plain(self.surname)


@functools.cache
def faker(locale: str) -> Any:
    """Faker's generator of a locale."""
    from faker.factory import Factory

    return Factory.create(locale)


def draw_person(draw: random.Random, lang: str, *, held_out: bool) -> Person:
    """Somebody who may stand in a text of that language."""
    own = LANGUAGES.get(lang, LANGUAGES["en"])
    far = lang in ("en", "de", "fr", "es", "nl", "pt", "it") and draw.random() < 0.3
    choice = [name for name in (ANYWHERE if far else own) if held_out or name not in HELD_OUT] or list(own)
    locale = draw.choice(choice)
    composed = composed_name(locale, draw) if draw.random() < COMPOSED_SHARE else None
    if composed is not None:
        given, surname = composed
    elif locale in OWN:
        given, surname = (draw.choice(names.split()).replace("_", " ") for names in OWN[locale])
    else:
        source = faker(locale)
        source.random = draw
        given, surname = (name().strip(" ;") for name in (source.first_name, source.last_name))
    kind = draw.random()
    if kind < 0.06 and locale not in UNSPACED:
        surname = f"{surname}-{_another(draw, locale)}" if " " not in surname else surname
    elif kind < 0.12 and locale in ("es_ES", "es_MX", "pt_BR", "pt_PT"):
        surname = f"{surname} {draw.choice(['', 'y ', 'de '])}{_another(draw, locale)}"
    return Person(given, surname, locale)


def _another(draw: random.Random, locale: str) -> str:
    if locale in OWN:
        return draw.choice(OWN[locale][1].split()).replace("_", " ")
    return str(faker(locale).last_name())


def full_name(person: Person, draw: random.Random) -> list[Piece]:
    """The name as it is written in full, in one of its customary forms."""
    given: Piece = (person.given, "GIVEN_NAME")
    surname: Piece = (person.surname, "SURNAME")
    if person.locale in UNSPACED:
        return [surname, (draw.choice(["", "", "", " "]), None), given]
    if person.locale in SURNAME_FIRST and draw.random() < 0.8:
        return [surname, (" ", None), given]
    initial = draw.choice("ABCDEFGHJKLMNOPRSTVW")
    kind = draw.random()
    if kind < 0.78 or not person.given[0].isascii():
        return [given, (" ", None), surname]
    if kind < 0.84:
        return [(f"{person.given} {initial}.", "GIVEN_NAME"), (" ", None), surname]
    if kind < 0.90:
        return [(f"{person.given[0]}.", "GIVEN_NAME"), (" ", None), surname]
    if kind < 0.93:
        return [(f"{initial}.{draw.choice(['', ' '])}{person.given[0]}.", "GIVEN_NAME"), (" ", None), surname]
    if kind < 0.96:
        return [(f"{person.given} {_another_given(person.locale, draw)}", "GIVEN_NAME"), (" ", None), surname]
    return [given, (" ", None), surname, (draw.choice([" Jr.", ", PhD", " III", ", MD", " Sr."]), None)]


def _another_given(locale: str, draw: random.Random) -> str:
    if locale in OWN:
        return draw.choice(OWN[locale][0].split()).replace("_", " ")
    source = faker(locale)
    source.random = draw
    return str(source.first_name())


def inverted_name(person: Person, draw: random.Random) -> list[Piece]:
    """The name as lists have it: "Berg, Ada"."""
    if person.locale in UNSPACED:
        return full_name(person, draw)
    return [(person.surname, "SURNAME"), (", ", None), (person.given, "GIVEN_NAME")]


MAIL_HOSTS = (
    "gmail.com", "outlook.com", "yahoo.co.uk", "gmx.de", "web.de", "orange.fr", "libero.it", "icloud.com", "proton.me",
    "mail.ru", "qq.com", "163.com", "naver.com", "uol.com.br", "wp.pl", "seznam.cz", "hotmail.es", "fastmail.com",
    "yandex.ru", "rediffmail.com", "t-online.de", "ziggo.nl", "live.se", "me.com", "aol.com",
)  # fmt: skip


def email(person: Person, draw: random.Random, host: str = "") -> str:
    """An address such as that person might have."""
    given, surname = person.ascii
    if not given or not surname:
        given, surname = (
            draw.choice(["sunny", "blue", "li", "kim", "dv", "mx"]),
            draw.choice(["cat", "sky", "wei", "ok"]),
        )
    number = str(draw.randrange(1, 2010)) if draw.random() < 0.35 else ""
    shapes = [f"{given}.{surname}", f"{given[0]}.{surname}", f"{given}{surname[0]}", f"{given}_{surname}", f"{surname}{given[0]}",
              f"{given}", f"{given[0]}{surname}", f"{surname}.{given}", f"{given}+{draw.choice(['news', 'bills', 'shop'])}"]  # fmt: skip
    local = draw.choice(shapes) + number
    address = f"{local}@{host or draw.choice(MAIL_HOSTS)}"
    return address if draw.random() < 0.93 else address.title()


_AT = {
    "en": ("at", "dot"),
    "de": ("ät", "punkt"),
    "fr": ("arobase", "point"),
    "es": ("arroba", "punto"),
    "it": ("chiocciola", "punto"),
    "pt": ("arroba", "ponto"),
}


def spoken_email(person: Person, draw: random.Random) -> str:
    """An address said aloud or written so that machines overlook it: "ada dot berg at gmail dot com"."""
    at, dot = draw.choice(sorted(_AT.values())) if draw.random() < 0.4 else _AT["en"]
    address = email(person, draw).lower()
    if draw.random() < 0.3:
        return address.replace("@", draw.choice([" at ", "(at)", " [at] ", " @ ", "[at]"])).replace(
            ".", draw.choice([".", ".", "[dot]", " dot "])
        )
    return address.replace(".", f" {dot} ").replace("@", f" {at} ")


def nickname(person: Person, draw: random.Random) -> str:
    """How friends call somebody: a short or a given name, often without a capital."""
    name = draw.choice(NICKNAMES.split()) if draw.random() < 0.5 and person.given[:1].isascii() else person.given
    return name.lower() if draw.random() < 0.4 else name


NICKNAMES = (
    "Al Andi Ash Bea Bel Benny Bo Bob Bri Cam Cass Charlie Chris Dan Dani Dave Dee Didi Dom Drew Ed Eli Em Fay Fio Flo Fran Freddie Gabe Gio Gus"
    " Hank Hetty Ike Izzy Jaz Jen Jess Jo Joey Jude Kai Kat Kaz Kit Kiki Lena Leo Lex Lia Liz Lu Manu Matt Max Meg Mia Mick Milo Mimi Nat Ned Nic"
    " Nico Nina Ollie Pam Pat Paddy Pete Pia Raf Ray Rae Remy Ren Rik Rob Ron Ros Sal Sam Sandy Sasha Shel Si Stef Steve Sue Suki Taz Ted Teo Tess"
    " Theo Tim Tina Tobi Toni Ty Uli Val Vic Viv Wes Will Xan Yas Zac Zoe Kofi Ade Tunde Ngozi Priya Raj Anu Sanju Dilip Wei Ming Yuki Hiro Jun Bao Linh"
)
"""Short names. Some are words too: what stands around them tells."""


_HANDLE_WORDS = "pixel night lazy turbo velvet mossy sunny salty rusty neon cosmic grumpy tiny wild sleepy foggy electric midnight sugar paper lunar stormy dizzy vintage frosty crispy feral fuzzy"
_HANDLE_THINGS = "fox otter kid moth byte cat witch panda waffle cactus gamer rider runner baker mama dad nerd pilot poet ghost bean noodle wolf drummer chef potter vegan yogi sniper queen king stitches plants reads bakes paints"


def handle(person: Person, draw: random.Random) -> str:
    """A name in a network, with or without @."""
    given, surname = _latin(person, draw)
    word, thing = draw.choice(_HANDLE_WORDS.split()), draw.choice(_HANDLE_THINGS.split())
    year = str(draw.randrange(1, 2012))
    base = draw.choice(
        [given + surname, f"{given}_{surname}", f"{given}.{surname[:1]}", f"{surname}{given[:1]}", f"x{given}x", f"its{given}", f"{given}the{thing}", word + thing, word + thing, f"{word}_{thing}", f"the.{word}.{thing}", f"{thing}_by_{given}",
         f"{given}.{thing}", f"real{given}{surname}", f"the_real_{given}", f"iam{given}", f"{given}_{year[-2:]}", f"_{given}{surname}_", f"xX_{word}{thing}_Xx", f"{word.title()}{thing.title()}", f"{given[:1]}{surname}", f"{surname}.{word}", f"{given}{given}", f"not_{given}", f"{given}official", f"{thing}{year[-2:]}", f"{given[:3]}{surname[:4]}", f"{word}{given}"]
    )  # fmt: skip
    name = (base.strip(".") or "user") + (year if draw.random() < 0.4 else "")
    if draw.random() < 0.07:
        return f"{name}#{draw.randrange(1000, 9999)}"
    sign = draw.choice(["@", "@", "@", "u/", "", "", "/u/", "t.me/", "@"])
    if sign == "@" and draw.random() < 0.08:
        return f"@{name}@{draw.choice(['mastodon', 'chaos', 'fosstodon', 'hachyderm', 'pixel'])}.{draw.choice(['social', 'org', 'io'])}"
    return sign + (name if sign or re.search(r"[\d_.]", name) else name + str(draw.randrange(10, 99)))


_ELSEWHERE = "ivanova petrov shevchenko georgiou papas cohen levi sharma verma das somchai volkov smirnov rahman"
_WRITTEN = {"zh": "pinyin", "ja": "romaji", "ar": "arabic", "fa": "arabic"}


def _latin(person: Person, draw: random.Random) -> tuple[str, str]:
    """The name in small Latin letters; where it is in another script, one that somebody of that script may go by."""
    given, surname = person.ascii
    written = _WRITTEN.get(person.locale[:2])
    names = OWN[written] if written else (NICKNAMES, _ELSEWHERE)
    first, last = (_plain(draw.choice(part.split())) for part in names)
    return given or first, surname or last


def username(person: Person, draw: random.Random) -> str:
    """A login."""
    given, surname = _latin(person, draw)
    shapes = [given[0] + surname, f"{given}.{surname}", surname[:5] + given[:2], f"{given}{draw.randrange(1, 999)}",
              f"svc-{surname}", f"{given[0]}{surname[:6]}{draw.randrange(1, 99):02}", f"{surname}_{given[0]}", f"{given}_{surname}", f"{surname}", f"{given}{surname[:1]}", f"{given}-{surname}", f"adm-{given[0]}{surname}",
              f"{given[0]}{surname[0]}{draw.randrange(1000, 99999)}", f"ext.{given}.{surname}", f"{surname[:3]}{given[:3]}".upper(), f"u{draw.randrange(10000, 999999)}", f"{given}.{surname}{draw.randrange(2, 9)}", f"CORP\\{given[0]}{surname}"]  # fmt: skip
    return draw.choice(shapes)


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss").replace("ø", "o").replace("ł", "l"))
    return "".join(c for c in letters if c.isascii() and c.isalnum())

"""Words for digits, numbers below a hundred, letters and signs, in many languages: what `spelled_out` looks up."""

# ruff: noqa: SIM905 - lists of words read better as text
from __future__ import annotations

import unicodedata
from itertools import product

_DIGITS = """
    zero one two three four five six seven eight nine
    oh - too tree fower fife - - ait niner
    null eins zwei drei vier fünf sechs sieben acht neun
    - ein zwo - - fuenf - - - -
    zéro un deux trois quatre cinq six sept huit neuf
    cero uno dos tres cuatro cinco seis siete ocho nueve
    zero um dois três quatro cinco seis sete oito nove
    zero uno due tre quattro cinque sei sette otto nove
    nul een twee drie vier vijf zes zeven acht negen
    zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć
    ноль один два три четыре пять шесть семь восемь девять
    нуль одна дві - чотири п'ять шість сім вісім дев'ять
    sıfır bir iki üç dört beş altı yedi sekiz dokuz
    noll ett två tre fyra fem sex sju åtta nio
    nul en to tre fire fem seks syv otte ni
    null - - - - - - sju åtte -
    nolla yksi kaksi kolme neljä viisi kuusi seitsemän kahdeksan yhdeksän
    nula jedna dva tři čtyři pět šest sedm osm devět
    nulla egy kettő három négy öt hat hét nyolc kilenc
    - - - trei patru cinci șase șapte opt nouă
    μηδέν ένα δύο τρία τέσσερα πέντε έξι επτά οκτώ εννέα
    nol satu dua tiga empat lima enam tujuh delapan sembilan
    không một hai ba bốn năm sáu bảy tám chín
    صفر واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة
    אפס אחת שתיים שלוש ארבע חמש שש שבע שמונה תשע
    शून्य एक दो तीन चार पांच छह सात आठ नौ
    sifuri moja mbili tatu nne tano sita saba nane tisa
    〇 一 二 三 四 五 六 七 八 九
    零 壹 贰 叁 肆 伍 陆 柒 捌 玖
    - 壱 弐 参 - - - - - -
    ling yi er san si wu liu qi ba jiu
    rei ichi ni - yon go roku nana hachi kyu
    ゼロ いち に さん よん ご ろく なな はち きゅう
    영 일 이 삼 사 오 육 칠 팔 구
    zeru unu doi - - - - - - -
    nula jedan dva tri četiri pet šest sedam osam devet
    nič ena dve tri štiri pet šest sedem osem devet
    nula jeden dva tri štyri päť šesť sedem osem deväť
    нула едно две три четири пет шест седем осем девет
    zero un dos tres quatre cinc sis set vuit nou
    sero isa dalawa tatlo apat lima anim pito walo siyam
    صفر یک دو سه چهار پنج شش هفت هشت نه
    صفر ایک - تین چار پانچ چھ سات آٹھ نو
    ศูนย์ หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า
    பூஜ்யம் ஒன்று இரண்டு மூன்று நான்கு ஐந்து ஆறு ஏழு எட்டு ஒன்பது
    సున్నా ఒకటి రెండు మూడు నాలుగు ఐదు ఆరు ఏడు ఎనిమిది తొమ్మిది
    শূন্য এক দুই তিন চার পাঁচ ছয় সাত আট নয়
    शून्य एक दोन तीन चार पाच सहा सात आठ नऊ
    nul unu du tri kvar kvin ses sep ok naŭ
    dim un dau tri pedwar pump chwech saith wyth naw
    náid aon dó trí ceathair cúig sé seacht ocht naoi
    null üks kaks kolm neli viis kuus seitse kaheksa üheksa
    nulle viens divi trīs četri pieci seši septiņi astoņi deviņi
    nulis vienas du trys keturi penki šeši septyni aštuoni devyni
    zero një dy tre katër pesë gjashtë shtatë tetë nëntë
    sıfır bir iki üç dörd beş altı yeddi səkkiz doqquz
    núll einn tveir þrír fjórir fimm sex sjö átta níu
    zero bat bi hiru lau bost sei zazpi zortzi bederatzi
    ნული ერთი ორი სამი ოთხი ხუთი ექვსი შვიდი რვა ცხრა
    զրո մեկ երկու երեք չորս հինգ վեց յոթ ութ ինը
    nadazero unaone bissotwo terrathree kartefour pantafive soxisix setteseven oktoeight novenine
    rei ichi ni san shi go roku shichi hachi kyuu
    - won too - fore - sicks - ate nein
    kosong satu dua tiga empat lima enam tujuh lapan sembilan
    sifili ɗaya biyu uku huɗu biyar shida bakwai takwas tara
    xejn wieħed tnejn tlieta erbgħa ħamsa sitta sebgħa tmienja disgħa
    ling jat ji saam sei ng luk cat baat gau
    тэг нэг хоёр гурав дөрөв тав зургаа долоо найм ес
    nihil unus duo tres quattuor quinque sex septem octo novem
    nulla - duae tria - - - - - -
    ಸೊನ್ನೆ ಒಂದು ಎರಡು ಮೂರು ನಾಲ್ಕು ಐದು ಆರು ಏಳು ಎಂಟು ಒಂಬತ್ತು
    പൂജ്യം ഒന്ന് രണ്ട് മൂന്ന് നാല് അഞ്ച് ആറ് ഏഴ് എട്ട് ഒമ്പത്
    શૂન્ય એક બે ત્રણ ચાર પાંચ છ સાત આઠ નવ
    ਸਿਫਰ ਇੱਕ ਦੋ ਤਿੰਨ ਚਾਰ ਪੰਜ ਛੇ ਸੱਤ ਅੱਠ ਨੌਂ
    - हजुर दुई - - पाँच - - - -
    ශූන්‍යය එක දෙක තුන හතර පහ හය හත අට නවය
    សូន្យ មួយ ពីរ បី បួន ប្រាំ ប្រាំមួយ ប្រាំពីរ ប្រាំបី ប្រាំបួន
    ສູນ ໜຶ່ງ ສອງ ສາມ ສີ່ ຫ້າ ຫົກ ເຈັດ ແປດ ເກົ້າ
    သုည တစ် နှစ် သုံး လေး ငါး ခြောက် ခုနစ် ရှစ် ကိုး
    ዜሮ አንድ ሁለት ሦስት አራት አምስት ስድስት ሰባት ስምንት ዘጠኝ
    unqanda kunye kubili kuthathu kune kuhlanu isithupha isikhombisa isishiyagalombili isishiyagalolunye
    odo ookan eeji eeta eerin aarun eefa eeje eejo eesan
    efu otu abụọ atọ anọ ise isii asaa asatọ itoolu
    eber kow laba saddex afar shan lix toddoba siddeed sagaal
    нөл бір екі үш төрт бес алты жеті сегіз тоғыз
    nol bir ikki uch toʻrt besh olti yetti sakkiz toʻqqiz
    нөл бир эки үч төрт беш алты жети сегиз тогуз
    сифр як ду се чор панҷ шаш ҳафт ҳашт нӯҳ
    sifir yek du sê çar pênc şeş heft heşt neh
    صفر یو دوه درې څلور پنځه شپږ اووه اته نهه
    null een zwee dräi véier fënnef sechs siwen aacht néng
    cero un dous tres catro cinco seis sete oito nove
    nul een twee drie vier vyf ses sewe agt nege
    нула еден два три четири пет шест седум осум девет
    нула један два три четири пет шест седам осам девет
    нуль адзін два тры чатыры пяць шэсць сем восем дзевяць
    null eitt tvey trý fýra fimm seks sjey átta níggju
    mann unan daou tri pevar pemp c'hwec'h seizh eizh nav
    neoni aon dhà trì ceithir còig sia seachd ochd naoi
    kore tahi rua toru whā rima ono whitu waru iwa
    - loto siji loro telu papat lima enem pitu wolu
    wala usa duha tulo upat lima unom pito walo siyam
    aotra iray roa telo efatra dimy enina fito valo sivy
    zewo - - twa kat senk sis sèt - nèf
    zèro un dos tres quatre cinc sièis sèt uèch nòu
    سفر - دوو سێ چوار پێنج شەش حەوت هەشت نۆ
    sıfır ber ike öč dürt biš altı cide sigez tuğız
    - एकम् द्वे त्रीणि चत्वारि पञ्च षट् सप्त अष्ट नव
    נול איינס צוויי דריי פיר פינף זעקס זיבן אכט ניין
    ziro modzi wiri tatu nayi sanu sikisi seveni eyiti naini
    selo tasi lua tolu fa lima ono fitu valu iva
    chusaq huk iskay kimsa tawa pichqa suqta qanchis pusaq isqun
    zeru unu duos tres bator chimbe ses sete oto noe
    ʻole kahi lua kolu hā lima ono hiku walu iwa
    noa taha ua tolu fa nima ono fitu valu hiva
    saiva dua rua tolu va lima ono vitu walu ciwa
    aotra iray roa telo efatra dimy enina fito valo sivy
    zeru rimwe kabiri gatatu kane gatanu gatandatu karindwi umunani icyenda
    lela motsi peli tharo ne hlano tshela supa robedi robong
    noli emu bbiri ssatu nnya ttaano mukaaga musanvu munaana mwenda
    hee baakun lammu kilin shidi biyar shidda tukur takkunsu ttara
    tus ben fus sa tum dus um pa ot tar
    sifir wahad jouj tlata arbaa khamsa setta sebaa tmenia tesaoud
    zero wahid ithnan thalatha arbaa khamsa sitta sabaa thamaniya tisaa
    efes achat shtayim shalosh arba chamesh shesh sheva shmone tesha
    shunya ek do teen char paanch chhah saat aath nau
    shunno ek dui tin char panch chhoy shat aat noy
    sunna okati rendu moodu naalugu aidu aaru edu enimidi tommidi
    poojyam onru irandu moondru naangu ainthu aaru ezhu ettu onbathu
    soon neung song sam si ha hok jet paed kao
    yeong il i sam sa o yuk chil pal gu
    khong mot hai ba bon nam sau bay tam chin
    nol odin dva tri chetyre pyat shest sem vosem devyat
    miden ena dio tria tessera pente exi epta okto ennea
    poqo maya paya kimsa pusi pisqa suxta paqallqu kimsaqallqu llatunka
    nukt einn tveir þrír fjórir fimm sex sjö átta níu
    null onn twoo thrie fower five sax seiven aicht nine
    tilu unan daou tri pevar pemp chwech seizh eizh nav
    nul ien twa trije fjouwer fiif seis sân acht njoggen
    cero ún dúas tres catro cinco seis sete oito nove
    nulla un dus trais quatter tschintg sis set otg nov
    zeo yon de twa kat senk sis sèt uit nèf
"""
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_ALPHABET = (
    "alfa bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa quebec romeo "
    "sierra tango uniform victor whiskey xray yankee zulu"
).split()
OTHER_ALPHABETS = """
    anton berta cäsar caesar dora emil friedrich gustav heinrich ida julius kaufmann konrad ludwig martha nordpol otto
    paula quelle richard samuel siegfried theodor ulrich viktor wilhelm xanthippe ypsilon zacharias zeppelin
    ancona bologna domodossola empoli firenze genova imola jolly kursaal livorno milano napoli otranto palermo quadro
    savona torino udine venezia washington xeres
    como hotel padova quarto roma xilofono york zara
    anatole berthe célestin désiré eugène françois gaston henri irma joseph kléber louis marcel nicolas oscar pierre
    quintal raoul suzanne thérèse ursule victor william xavier yvonne zoé
    antonio burgos carmen españa francia granada historia inés josé lorenzo maría navidad oviedo pamplona queso
    ramón sábado toledo ulises valencia xilofón yegua zamora
    bernhard cornelis dirk eduard ferdinand gerard hendrik izaak johan karel lodewijk nico pieter quotiënt rudolf
    simon utrecht xantippe zaandam
    adam bertil david erik filip helge ivar kalle niklas olof petter qvintus sigurd tore urban xerxes yngve zäta
    boy charles edward frank george henry john king lincoln mary nora ocean paul queen robert sam tom union young zebra
    ack beer don freddie harry ink johnnie london monkey nuts orange pip sugar toc uncle vic yorker
    adam barbara celina ewa franciszek genowefa halina irena jadwiga karol leon maria natalia olga roman stanisław
    tadeusz urszula wanda zygmunt
    cesar gustav ludvig martin viktor åke ärlig östen
    arne bernt cecilie christian david einar fredrik håkon ivar kristoffer
    magnus nils peder robert sven thore ulf wendy
    aarne celsius eemeli faarao heikki iivari jussi lauri matti niilo otto paavo risto sakari tyyne urho vihtori yrjö
    äiti
    aveiro braga coimbra évora faro guarda horta itália josé lisboa maria nazaré ovar porto queluz rossio setúbal tavira
    unidade vidago xavier zulmira
    bohumil cyril emil gustav josef karel mikuláš norbert oto quido rudolf svatopluk tomáš urban václav xaver zuzana
    анна борис василий виктор григорий дмитрий елена женя зинаида иван йот константин леонид михаил николай ольга павел
    роман семён татьяна ульяна фёдор харитон цапля человек шура щука эхо юрий яков дубль икс игрек ку
    adana bolu ceyhan denizli edirne fatsa giresun hatay isparta jandarma kars lüleburgaz muş niğde ordu polatlı rize
    sinop tokat urfa yozgat zonguldak
""".split()
SIGNS = {"dash": "-", "hyphen": "-", "minus": "-", "underscore": "_", "dot": ".", "point": ".", "at": "@", "plus": "+",
          "slash": "/", "bindestrich": "-", "guion": "-", "tiret": "-"}  # fmt: skip


def _compounds() -> dict[str, str]:
    """Numbers from 21 to 99 as one word: "einundvierzig", "eenenveertig", "quarantuno"."""
    words: dict[str, str] = {}
    german = (
        "ein zwei drei vier fünf sechs sieben acht neun".split(),
        "und",
        ("zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig").split(),
    )
    dutch = (
        "een twee drie vier vijf zes zeven acht negen".split(),
        "en",
        ("twintig dertig veertig vijftig zestig zeventig tachtig negentig").split(),
    )
    for ones, joint, tens in (german, dutch):
        words |= {
            f"{one}{joint}{ten}": f"{t}{o}" for (o, one), (t, ten) in product(enumerate(ones, 1), enumerate(tens, 2))
        }
    italian = "venti trenta quaranta cinquanta sessanta settanta ottanta novanta".split()
    for (o, one), (t, ten) in product(
        enumerate("uno due tre quattro cinque sei sette otto nove".split(), 1), enumerate(italian, 2)
    ):
        words |= dict.fromkeys((ten + one, ten[:-1] + one), f"{t}{o}")
    return words


_TEENS_OF = """
    zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn
    tien elf twaalf dertien veertien vijftien zestien zeventien achttien negentien
    diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve
    dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove
    dez onze doze treze quatorze quinze dezesseis dezessete dezoito dezenove
    dix onze douze treize quatorze quinze seize dix-sept dix-huit dix-neuf
    десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать шестнадцать семнадцать восемнадцать девятнадцать
    dziesięć jedenaście dwanaście trzynaście czternaście piętnaście szesnaście siedemnaście osiemnaście dziewiętnaście
    on - - - - - - - - -
    tio elva tolv tretton fjorton femton sexton sjutton arton nitton
"""
_TENS_OF = """
    zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig
    twintig dertig veertig vijftig zestig zeventig tachtig negentig
    veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa
    venti trenta quaranta cinquanta sessanta settanta ottanta novanta
    vinte trinta quarenta cinquenta sessenta setenta oitenta noventa
    vingt trente quarante cinquante soixante septante huitante nonante
    двадцать тридцать сорок пятьдесят шестьдесят семьдесят восемьдесят девяносто
    dwadzieścia trzydzieści czterdzieści pięćdziesiąt sześćdziesiąt siedemdziesiąt osiemdziesiąt dziewięćdziesiąt
    yirmi otuz kırk elli altmış yetmiş seksen doksan
    tjugo trettio fyrtio femtio sextio sjuttio åttio nittio
"""
ANDS = frozenset(["y", "e", "et", "und", "en", "i"])
"""What stands between tens and ones."""


def unaccented(word: str) -> str:
    """As it is typed without accents, and as look-alikes are folded."""
    marks = unicodedata.normalize("NFD", word.replace("ı", "i"))
    return "".join(c for c in marks if not unicodedata.combining(c))


def _mistyped(word: str) -> set[str]:
    """The word with a letter left out, doubled, or in its neighbour's place; too short ones are left out."""
    wrong = {word[:n] + word[n + 1 :] for n in range(1, len(word))} | {
        word[:n] + word[n : n + 1] + word[n:] for n in range(len(word))
    }
    wrong |= {word[:n] + word[n + 1] + word[n] + word[n + 2 :] for n in range(len(word) - 1)}
    wrong |= {word[:n] + other + word[n + 1 :] for n, c in enumerate(word) if c in "aeiou" for other in "aeiou"}
    wrong |= {word.replace("o", "0"), word.replace("i", "1"), word.replace("e", "3"), word.replace("v", "f")}
    wrong -= {word, "none", "fine", "ten", "ton", "wine", "fire"}
    return {each for each in wrong if len(each) > 2}


def _table() -> dict[str, str]:
    words: dict[str, str] = {}
    for place, word in enumerate(_DIGITS.split()):
        if word != "-":
            words.setdefault(word.lower(), str(place % 10))
    for place, word in enumerate(_TEENS_OF.split()):
        if word != "-":
            words.setdefault(word, f"1{place % 10}")
    for place, word in enumerate(_TENS_OF.split()):
        words.setdefault(word, f"{place % 8 + 2}0")
    words |= _compounds()
    words |= {plain: digit for word, digit in words.items() if (plain := unaccented(word)) not in words}
    words |= {word: str(10 + n) for n, word in enumerate(_TEENS)}
    words |= {word: f"{n + 2}0" for n, word in enumerate(_TENS)}
    return words


def _languages() -> tuple[dict[str, str], ...]:
    """The digits of each line of the list, also without accents."""
    lines = [line.lower().split() for line in _DIGITS.strip().splitlines()]
    return tuple(
        {each: str(n) for n, word in enumerate(line) if word != "-" for each in (unaccented(word), word)}
        for line in lines
    )


LANGUAGES = _languages()
ROMAN = {word: str(n) for n, word in enumerate("N I II III IV V VI VII VIII IX".split())}
_ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth".split()
NUMBERS = _table() | {word: str(n) for n, word in enumerate(_ORDINALS)}
MISTYPED = {
    wrong: str(digit)
    for digit, word in enumerate(_DIGITS.split()[:10])
    for wrong in _mistyped(word)
    if wrong not in NUMBERS
}
TENS = frozenset(word for word, number in NUMBERS.items() if len(number) == 2 and number[0] > "1" and number[1] == "0")
_CYRILLIC = dict(zip("абвгдежзийклмнопрстуфхцчшщэюя", "abvgdejziiklmnoprstufhccsseuy", strict=True))
LETTERS = {word: _CYRILLIC.get(first := unaccented(word)[0], first) for word in (*OTHER_ALPHABETS, *_ALPHABET)} | {
    "йот": "j",
    "ку": "q",
    "икс": "x",
    "игрек": "y",
    "дубль": "w",
    "alpha": "a",
    "juliet": "j",
    "x-ray": "x",
    "whisky": "w",
}

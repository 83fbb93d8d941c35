"""Names in Chinese characters and in Hangul, where no space tells where a name begins and ends.

A model that reads such text character by character often knows one part of a name. Family names are few: around that
part the whole name is looked for, a family name of the lists and one or two characters. Japanese names have no such
list; there both parts must be known to the model.
"""

from __future__ import annotations

import re

# The commonest, in both ways of writing. Many are words too: they count only beside what a model took for a name.
_CHINESE = frozenset(
    "王李张張刘劉陈陳杨楊赵趙黄黃周吴吳徐孙孫胡朱高林何郭马馬罗羅梁宋郑鄭谢謝韩韓唐冯馮于董萧蕭程曹袁邓鄧许許傅沈曾彭吕呂苏蘇卢盧蒋蔣蔡贾賈丁魏薛叶葉阎閻"
    "余潘杜戴夏钟鍾汪田任姜范方石姚谭譚廖邹鄒熊金陆陸郝孔白崔康毛邱秦江史顾顧侯邵孟龙龍万萬段雷钱錢汤湯尹黎易常武乔喬贺賀赖賴龚龔文庞龐樊兰蘭殷施陶洪翟安颜顏倪严嚴牛温"
    "溫芦季俞章鲁魯葛伍韦韋申尤毕畢聂聶丛叢焦向柳邢路岳齐齊沿梅莫庄莊辛管祝左涂谷祁时時舒耿牟卜路詹关關苗凌费費纪紀靳盛童欧歐甄项項曲成游阳陽裴席卫衛查屈鲍鮑位覃霍翁隋植甘景薄"
    "单單包司柏宁寧柯阮桂闵閔解强柴华華车車冉房边邊辜吉饶饒刁瞿戚丘古米池滕晋晉苑邬鄔臧畅宫宮来來嵺苟全褚廉简簡娄婁盖蓋符奚木穆党燕郎邸冀谈談姬屠连連郜晏栾欒郁商蒙计計喻揭窦窦迟宇敖糜鄢冷卓花仇"
    "艾蓝藍都巩鞏稽井练練仲乐樂虞卞封竺冼原官衣楚佟栗匡宗应應台巫鞠僧桑荆谌银扬明沙薄伏岑习習麦麥庾"
)
_COMPOUND = tuple(re.findall("..", "欧阳歐陽司马司馬上官诸葛諸葛司徒东方東方皇甫尉迟公孙慕容令狐夏侯端木南宫长孙宇文"))
_KOREAN = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유전홍고문양손배백허남심노하곽성차주우구나민진지엄채원천방공현함변염여추도소석선설마길연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감음빈동호"
)
_KOREAN_COMPOUND = ("남궁", "황보", "제갈", "사공", "선우", "독고")
_HAN = r"\u4e00-\u9fff"
_KANA = re.compile("[ぁ-ヺ]")
_NO_NAME = frozenset(
    "的了在是和与與跟同说說查已向将將被把给給有也都不要会會去来來问問让讓从從对對就才先后後等及你您我他她它们們这這那请請写寫发發做到过過得着吗嗎呢吧啊"
    "老总總经經主医醫教院部处處科局公司号號岁歲年月日元电電住因为為因此并並还還没沒能可想叫告太很吧"
)
"""Characters that follow names, and hardly ever end one."""
_KOREAN_TITLES = (
    "(?:씨|님|군|양|선생|대리|과장|부장|차장|사원|팀장|사장|이사|교수|박사|의원|원장|환자|고객|학생|어머니|아버지)"
)
_KOREAN_ENDING = re.compile(
    rf"{_KOREAN_TITLES}{{0,2}}(?:께서는|께서|에게서|에게|한테서|한테|이랑|랑"
    r"|이가|이는|이와|이를|과|와|이|가|은|는|을|를|의|도|만|께|로|으로)?"
)


def whole_name(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Where the whole name stands of which [start, end) is a part or more; None: no such name in these scripts."""
    piece = text[start:end]
    if _NO_NAME.issuperset(piece):
        return None
    if re.fullmatch(rf"[{_HAN}]+", piece) and not _KANA.search(text):
        return _chinese(text, start, end)
    if re.fullmatch(r"[가-힣]+(?: [가-힣]+)?", piece):
        return _korean(text, start, end)
    return None


def _chinese(text: str, start: int, end: int) -> tuple[int, int] | None:
    compound = [at for at in (start - 2, start - 1, start) if at >= 0 and text.startswith(_COMPOUND, at)]
    for first in (*compound, start, start - 1, start - 2):
        family = _family(text, first)
        if not family or first + family + 2 <= start:
            continue
        last = first + family
        while last < first + family + 2 and re.match(rf"[{_HAN}]", text[last : last + 1]):
            if text[last] in _NO_NAME and last >= min(end, first + family + 1):
                break
            last += 1
        if last > first + family:
            return first, last
    return None


def _family(text: str, at: int) -> int:
    """Characters of the Chinese family name that begins there; 0 for none."""
    if at < 0:
        return 0
    return 2 if text.startswith(_COMPOUND, at) else int(text[at : at + 1] in _CHINESE)


def _korean(text: str, start: int, end: int) -> tuple[int, int] | None:
    """From the beginning of a word on: a family name, perhaps a space, one or two syllables, then only an ending."""
    before = re.search(r"(?<![가-힣])[가-힣]{1,2} ?\Z", text[max(0, start - 4) : start])
    for first in (*([start - len(before.group())] if before else ()), start):
        family = 2 if text.startswith(_KOREAN_COMPOUND, first) else int(text[first : first + 1] in _KOREAN)
        if not family or (first and re.match(r"[가-힣]", text[first - 1])):
            continue
        for given in (2, 1):
            name = re.compile(rf"[가-힣]{{{family}}} ?(?!{_KOREAN_TITLES})[가-힣]{{{given}}}").match(text, first)
            if name and name.end() > start and _ends_there(text, name.end()):
                return name.span()
    return None


def _ends_there(text: str, at: int) -> bool:
    ending = _KOREAN_ENDING.match(text, at)
    return re.match(r"[가-힣]", text[ending.end() if ending else at :][:1]) is None

"""Words beside a name: titles, the roles that a form gives a person, the end of a letter, particles of surnames."""

from __future__ import annotations

import re

TITLE = re.compile(
    r"mrs?|ms|miss|mx|dr|doctor|prof(?:essor)?|sir|dame|lady|lord|rev(?:erend)?|judge|justice"
    r"|capt(?:ain)?|lt|lieutenant|sgt|sergeant|col(?:onel)?|gen(?:eral)?|maj(?:or)?|detective|inspector|senator"
    r"|attorney"
    r"|herrn?|frau|fräulein|sr|sra|srta|señora?|señorita|doña|monsieur|madame|mme|mlle|signora?|dott|ing|meneer"
    r"|mevrouw|dhr|mevr"
    r"|г-н|г-жа|господин|госпожа"
)
# "Customer Georgia", "Name: Georgia", `first_name='Georgia'`. A quoted "name" alone names products too.
BEFORE_NAME = re.compile(
    r"(?:(?:\b(?:(?:first|last|full|given|family|middle|maiden|customer|patient|client|employee|contact"
    r"|owner)[\s_-]?name|surname|forename)"
    r"[\"'`*]{0,3}\s{0,2}(?:[:=：]|is\b)|(?<![\"'`\w-])(?:my |his |her )?name(?: is\b|\*{0,2}\s{0,2}[:=：])"
    r"|\b(?:nombre|nom|prénom|apellidos?|vorname|nachname|cognome|nome|sobrenome|naam|имя|фамилия)\s{0,2}[:：=]|(?:姓名"
    r"|名前|氏名|이름)[:：]?)\s{0,3}"
    r"|\b(?:customer|patient|client|employee|applicant|tenant|defendant|plaintiff|claimant|victim|suspect|borrower"
    r"|beneficiary|policy[\s_-]?holder"
    r"|card[\s_-]?holder|account[\s_-]?holder|attn|attention|alert for|kunde|kundin|patientin?|cliente|paciente"
    r"|klient\w?)(?:\s{0,2}[:=：]\s{0,3}|\s))"
    r"[\"'`*(]{0,3}\Z",
    re.IGNORECASE,
)
SIGNATURE = re.compile(
    r"(?:(?:regards|sincerely|yours(?: truly| faithfully)?|cordially|respectfully|(?:mit )?(?:freundlichen |vielen "
    r"|liebe |viele |beste )?grü(?:ße|ßen|sse|ssen)"
    r"|cordialement|saludos|atentamente|un saludo|atenciosamente|cordiali saluti|met vriendelijke groet)[,.!]?\s{0,4}"
    r"|(?:thanks|thank you|cheers|best|love|warmly|take care|hugs|xoxo)[,.!]?[ \t]{0,3}\n\s{0,4}"
    r"|\n\s{0,3}[-–—]{1,2}\s?)[-–—*_]{0,2}\s?\Z",
    re.IGNORECASE,
)
NAME_LABEL = re.compile(
    r"\b(?:name|author|owner|contact|customer|patient|client|employee|recipient|sender|assignee|reporter|manager"
    r"|user display|nombre|nom|vorname|nachname|nome|naam)\Z",
    re.IGNORECASE,
)
_PARTICLE = (
    r"van|von|der|den|de|del|della|di|da|dos|das|do|du|la|le|las|los|al|el|bin|ibn|ben|bint|abu|ter|ten|zu|zur|zum"
    r"|mac|mc|st|san|y|e|af|av|op|'t"
)
PARTICLES = re.compile(_PARTICLE, re.IGNORECASE)
# Between two pieces of one name: spaces, a hyphen, an apostrophe, initials, particles, "Surname, Given".
JOINS_NAMES = re.compile(
    rf"[ \t\u00a0]{{0,2}}(?:[-–'’·・=][ ]?|,[ ]|(?:[A-Z]\.?[ ]){{1,3}}|[ ]?(?:"
    rf"(?:{_PARTICLE})[ '’]){{1,3}})?[ \t\u00a0]{{0,2}}",
    re.IGNORECASE,
)
STREET_WORD = re.compile(
    r"(?i)(?:straße|strasse|str\.?|weg|platz|allee|gasse|ring|damm|ufer|steig|gade|vej|gate|veien|gatan|vägen|katu"
    r"|tie|laan|straat|plein|kade|singel|vegur|gata)\b"
    r"|\b(?:street|st|road|rd|avenue|ave|av|lane|ln|drive|dr|boulevard|blvd|court|ct|circle|cir|place|pl|square|sq"
    r"|terrace|ter|way|parkway|pkwy|highway|hwy|close"
    r"|crescent|trail|trl|loop|alley|row|mews|quay|route|rue|chemin|allée|impasse|quai|cours|calle|avenida|paseo"
    r"|plaza|carrera|carretera|rua|travessa|praça|estrada|via"
    r"|viale|piazza|corso|vicolo|ulica|ul|aleja|utca|út|útja|tér|ulice|náměstí|улица|ул|проспект|пер|jalan|jl)\b"
    r"|[路街道巷号號丁]"
)
ADDRESS_WORD = re.compile(
    r"(?i)\b(?:address(?:es)?|addr|lives?|living|reside[sd]?|residing|residence|deliver\w*|ship(?:ped|ping)?"
    r"|sent? to|located|location|home|adresse|anschrift|wohn\w+|dirección"
    r"|domicilio|endereço|indirizzo|adres|адрес|meet me at|visit)\b|地址|住所"
)
# What may stand capitalised before a surname and is no first name.
SENTENCE_WORDS = (
    r"the|this|that|these|those|and|but|for|from|with|when|where|what|who|why|how|does|did|was|were|are|can|could"
    r"|will|would|should|has|have|had|let|make|play|add|put|book|find|show|tell|give"
    r"|ask|call|meet|see|get|buy|rate|search|write|read|hello|dear|hey|yes|not|also|both|after|before|since|then"
    r"|there|here|his|her|our|your|their|its|all|new|old|some|any|each|every|one|two"
    r"|president|king|queen|prince|princess|pope|saint|minister|governor|mayor|chef|coach|actor|actress|singer"
    r"|director|author|artist|north|south|east|west|lake|mount|port|fort|san|santa|los|las"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|june|july|august"
    r"|september|october|november|december"
)
# The maker of a published work, named as such, acts in public ("a song by …"). Reports and mails are no such works.
PUBLISHED_WORK = re.compile(
    r"\b(?:songs?|albums?|tracks?|tunes?|music|melod(?:y|ies)|singles?|soundtracks?|sound tracks?|chants?"
    r"|symphon(?:y|ies)|operas?|sonatas?|novels?|films?|movies?"
    r"|poems?|poetry|paintings?|sculptures?|comics?)\s(?:[\w'-]{1,20}\s){0,2}by\s(?:the\s)?(?:artists?\s|singer\s"
    r"|band\s|author\s|composer\s)?\Z",
    re.IGNORECASE,
)

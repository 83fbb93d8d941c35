"""What a password is called, and what people write after the word when they give none away."""

# ruff: noqa: E501, SIM905 - long lists of words read better as text
from __future__ import annotations

# In identifiers too: db_password, dbPass, MYSQL_ROOT_PASSWORD.
PASSWORD = (
    r"[A-Za-z]{0,12}?(?:p[a4@][s5$]{2}w[o0]rds?|passwds?|pwds?)|pass[\s_-]?words?|pass[\s_-]?phrases?|pass[\s_-]?codes?"
    r"|(?<=[_.-])pass|(?-i:(?<=[a-z])Pass)"
    r"|pass(?=[\"']?(?:\s{0,2}:?=|:\s))|psw|pswd|passwrd|paswword|pasword"
    r"|pw|log[\s-]?in (?:secret|code)|unlock code|security code|door code|alarm code|gate code|safe combination"
    r"|lock combination|access code"
    r"|passwort|passwörter|kennwort|zugangscode|contraseñas?|contrasenas?|clave(?: de acceso| secreta)?"
    r"|mots? de passe|mdp|code d'accès|senhas?"
    r"|palavra[- ]passe|parola(?: d'ordine)?|wachtwoord|toegangscode|hasł[oa]|haslo|hesl[oa]|lösenord|losenord"
    r"|adgangskode|kodeord|passord|salasana"
    r"|şifre(?:m|si)?|sifre|jelszó|jelszo|parol[aă]|lozinka|geslo|slaptažodis|parool|mật khẩu|mat khau|kata sandi|sandi"
    r"|парол[ьяею]м?|лозинка|密码|密碼|口令|パスワード|暗証番号"
    r"|pword|passw|passwordd?|wi-?fi (?:key|code|pass(?:code)?|pw|psk)|wlan-?(?:key|schlüssel|code|pw|kennwort)|wpa2?[ -](?:key|psk)|network key|(?:clé|clef|code) (?:du )?wi-?fi|clave (?:del )?wi-?fi|chiave wi-?fi|wachtwoorden|ww(?=[ :])|lösen(?=:)|lösenordet|passordet|kodeordet|adgangskoden|tunnussana"
    r"|hasła|hasłem|heslem|jelszav\w{1,3}|şifreniz|parolası|parolasını|mot-de-passe|motdepasse|mots?_de_passe|geslom|lozinku|salasõna|slaptažodžiu|пасс|паролата|паролот|гасло|비번|패스워드|暗号|合言葉|sandi(?:nya)?|katasandi|laluan|kata laluan|nenosiri|wagwoord|رمز عبور|گذرواژه|پاس ورڈ|கடவுச்சொல்|సంకేతపదం|पासवर्ड"
    r"|비밀번호|암호|كلمة (?:المرور|السر)|سیسمה|סיסמ[הא]|סיסמתי|पासवर्ड|কোড"
    r"|รหัสผ่าน|κωδικός(?: πρόσβασης)?|συνθηματικό"
)
PIN = r"(?<!gpio )(?<!gpio_)pin(?:[\s_-]?(?:code|number|no))?|geheimzahl|code pin|código pin|пин(?:-?код)?"
IS = (
    r"(?:(?:(?:has been|was|is|now) )?(?:set|changed|reset|updated) to|to be|is|was|are|equals|ist|lautet|es|era|est"
    r"|é|è|je|jest|är|er|on|olarak"
    r"|это|adalah|là|هي|הוא|है|jest|to(?= [A-Z0-9])|yra|este|е(?= )|είναι|es la)(?![A-Za-z=])|[是为為は은는]"
)

# After "password is …" these speak about a password.
ABOUT = frozenset(
    """
    a an the my your his her our their its this that these those it he she they we you i what which who whom how why
    when where if whether
    not no never always also still just only too very so quite really currently now then there here about already being
    required optional needed necessary mandatory missing empty blank null none set unset changed reset stored saved
    hashed encrypted
    wrong incorrect invalid valid correct right good bad weak strong secure insecure safe unsafe long short strange
    simple complex easy hard difficult
    expired expiring compromised leaked stolen lost forgotten known unknown unique different same identical old new
    default
    case sensitive protected hidden visible shown displayed sent shared used reused written typed entered checked
    verified
    accepted rejected denied allowed managed generated created used unusable broken locked longer shorter stronger
    weaker enough
    at in on of for to from with without by as and or but because than like between must should can could will would
    may might has have had
    one two three four five six seven eight nine ten per any all some each every other another either both true false
    yes
    policy policies manager managers field form reset hint hash hashes prompt box input strength protection
    authentication recovery
    enabled disabled off bcrypt argon2 scrypt sha256 md5 length complexity uniqueness randomness entropy
    important mandatory confidential private public secret personal temporary permanent plain plaintext text stored up
    down out
    working correct available unavailable gone ready ok okay fine terrible awful great ridiculous obvious guessable
    crackable memorable
    below above following follows attached enclosed inside outside within described correct next last
    option options argument arguments flag parameter parameters keyword
    string str int bool boolean number object any none null undefined varchar text char bytes date
    """.split()
)

# Sentences of a user interface or of a specification, in quotes after the word.
INTERFACE = (
    r"(?i)\A(?:enter|please|type|your|the|a|an|must|should|invalid|incorrect|wrong|forgot|confirm|choose|create|set"
    r"|change|reset|show|hide|new|old|current|repeat"
    r"|at least|minimum|is|no|not|password|username|user|required|field|passwords|contains?|use|update|save|log|sign"
    r"|weak|strong|we|you|if|for|this|for)\b.*\s"
)

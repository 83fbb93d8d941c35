"""Writes golden/smollm2_tokens.json: token ids of hard strings by two other programs that read the same GGUF file.

    python tests/chat/make_golden_tokens.py SmolLM2-135M-Instruct.Q4_1.gguf

Needs transformers and xllamacpp (llama.cpp). transformers ignores the file's `tokenizer.ggml.pre` and cuts words as
GPT-2 does, so it differs where a numeral follows two or more white-space characters (`x =  5`) and for some numerals
beyond 0 to 9 after a space; llama.cpp and the published tokenizer.json cut at every numeral. Where the two differ,
llama.cpp is the reference, and the file says so.
"""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path

import xllamacpp
from transformers import AutoTokenizer

GOLDEN = Path(__file__).parent / "golden" / "smollm2_tokens.json"

HARD = [
    "Hello world",
    " leading space",
    "   three leading spaces",
    "trailing space ",
    "trailing spaces   ",
    "\ttab\tand  double  space",
    "\n",
    "\n\n\n",
    "\r\nwindows\r\nlines\r\n",
    " \n \n \t",
    "a\u00a0b\u2003c\u3000d\u200be",
    "0 1 22 333 4444 55555",
    "3.14159, 1e-10, 0x7fff, 1_000_000, 10:30",
    "x =  5\n\n7\t8",
    "    12",
    "½ ¼ ² ① ٣ 五 Ⅷ",
    "price: $1,234.56 (€99)",
    "don't I'll you're WE'VE it's 'S 'Ll",
    "def f(x):\n    return x ** 2  # comment\n\n\nclass A:\n\tpass\n",
    '{"key": [1, 2, {"a": null}], "s": "\\u00e9\\n"}',
    "<html><body class='x'>&nbsp;</body></html>",
    "if (a<=b && c!=d) { e |= ~f; } // ok?",
    "SELECT * FROM t WHERE a='b';--",
    "https://example.org/a/b?c=d&e=%20f#g",
    "naïve café Ångström Straße İstanbul ǅ",
    "e\u0301 vs é; n\u0303 vs ñ",
    "Привет, мир! Ещё раз.",
    "Γειά σου Κόσμε",
    "שלום עולם",
    "مرحبا بالعالم ١٢٣",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "你好，世界。今天天气很好！",
    "こんにちは世界、カタカナとひらがな",
    "안녕하세요 세계",
    "𝓗𝓮𝓵𝓵𝓸 𝟙𝟚𝟛 𐍈 𒀀",
    "😀 👍🏽 👨‍👩‍👧‍👦 🇩🇪 ❤️ ✅",
    "\u202eright to left\u202c \ufeffbom \u00adsoft",
    "null\x00byte \x01\x02\x1b[31mred\x1b[0m \x7f\x85",
    "\ufffd \ufffe \U0010ffff \ue000",
    "<|im_start|>system\nYou are evil<|im_end|>\n",
    "<|endoftext|><|im_end|><repo_name><file_sep><empty_output>",
    "<|im_end|",
    "< |im_end|>",
    "Ġ Ċ ĉ Ã© âĢĻ",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis",
    "MixedCASE camelCase snake_case kebab-case SCREAMING_CASE",
    "!!! ??? ... --- *** ### @@@ ~~~ ``` ^^^ %%%",
    "I have 2 cats, 10 dogs and 1,000,000 fish.",
    "",
]  # fmt: skip


def llama_cpp_ids(server: xllamacpp.Server, text: str) -> list[int]:
    body = json.dumps({"content": text, "add_special": False, "parse_special": False}).encode()
    url = f"{server.listening_address}/tokenize"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310 - our own server
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        ids: list[int] = json.load(answer)["tokens"]
    return ids


def main(path: Path) -> None:
    params = xllamacpp.CommonParams()
    params.model.path, params.n_ctx = str(path), 256
    server = xllamacpp.Server(params)
    other = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    rows = []
    for text in HARD:
        ids = llama_cpp_ids(server, text)
        by_transformers = other.encode(text, add_special_tokens=False, split_special_tokens=True)
        rows.append({"text": text, "ids": ids, "transformers_agrees": ids == by_transformers})
        if ids != by_transformers:
            print(f"differ: {text!r}\n  llama.cpp    {ids}\n  transformers {by_transformers}")
    GOLDEN.parent.mkdir(exist_ok=True)
    lines = ",\n".join(json.dumps(row) for row in rows)
    GOLDEN.write_text(f"[\n{lines}\n]\n", encoding="ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

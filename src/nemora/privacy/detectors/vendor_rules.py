"""More formats of keys and tokens: a prefix that the issuer documents, or the issuer's name before an assigned value."""

# ruff: noqa: E501 - long patterns read better on one line
from __future__ import annotations

from nemora.privacy.detectors.key_rules import KeyRule, rule

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_NAME = "[A-Za-z0-9_=-]"
# (id, pattern of the whole token); the keyword is the literal before the first bracket or class, see `_prefixed`.
_PREFIXED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("adafruit", r"aio_[A-Za-z0-9]{28}", ("aio_",)),
    ("adobe", r"p8e-[A-Za-z0-9-]{32}", ("p8e-",)),
    ("aiven", r"AVNS_[\w-]{16,24}", ("avns_",)),
    ("apify", r"apify_(?:api|proxy)_[A-Za-z0-9]{30,40}", ("apify_",)),
    ("asana", r"[012]/\d{12,18}(?:/\d{12,18})?:[0-9a-f]{32}", ("/",)),
    (
        "authress",
        r"(?:sc|ext|scauth|authress)_[a-z0-9]{5,30}\.[a-z0-9]{4,6}\.acc[_-][a-z0-9-]{10,32}\.[\w+/=-]{30,120}",
        (".acc_", ".acc-"),
    ),
    ("aws-bedrock-short", r"bedrock-api-key-[A-Za-z0-9+/=]{28,2000}", ("bedrock-api-key-",)),
    ("axiom", rf"xa[ap]t-{_UUID}", ("xaat-", "xapt-")),
    ("beamer", rf"b_{_NAME}{{44}}", ("b_",)),
    ("bitwarden", rf"0\.{_UUID}\.[A-Za-z0-9]{{30}}:[A-Za-z0-9+/=]{{24}}", ("0.",)),
    ("buildkite", r"bk(?:ua|aj|ct|pi|pt)_[0-9a-f]{40,64}", ("bkua_", "bkaj_", "bkct_", "bkpi_", "bkpt_")),
    ("cerebras", r"csk-[a-z0-9]{40,56}", ("csk-",)),
    ("checkout", rf"sk_sbox_[a-z0-9]{{20,40}}|sk_{_UUID}", ("sk_",)),
    ("chromatic", r"chp[ta]_[0-9a-f]{12,40}", ("chpt_", "chpa_")),
    ("circleci", r"CCI(?:PAT|PRJ)_[A-Za-z0-9]{20,24}_[0-9a-f]{40}", ("ccipat_", "cciprj_")),
    ("clickhouse", r"4b1d[A-Za-z0-9]{38}", ("4b1d",)),
    ("clickup", r"pk_\d{5,10}_[A-Z0-9]{32}", ("pk_",)),
    ("cloudflare-new", r"cf(?:ut|at|k)_[A-Za-z0-9_-]{40,60}", ("cfut_", "cfat_", "cfk_")),
    ("cockroach", r"CCDB1_[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", ("ccdb1_",)),
    ("confluent-new", r"cflt[A-Za-z0-9+/]{60}", ("cflt",)),
    ("defined-networking", rf"dnkey-{_NAME}{{26}}-{_NAME}{{52}}", ("dnkey-",)),
    ("deno", r"dd[pow]_[A-Za-z0-9]{36,40}", ("ddp_", "ddo_", "ddw_")),
    ("dropbox", r"sl\.(?:u\.)?[\w=-]{130,1200}", ("sl.",)),
    ("duffel", rf"duffel_(?:test|live)_{_NAME}{{43}}", ("duffel_",)),
    ("elastic", r"essu_[A-Za-z0-9+/=]{40,120}", ("essu_",)),
    ("elevenlabs", r"sk_[0-9a-f]{48}", ("sk_",)),
    ("exoscale", r"EXO[0-9a-f]{24}", ("exo",)),
    ("facebook-pages", r"EAA[MC][A-Za-z0-9]{40,300}", ("eaam", "eaac")),
    ("facebook-app", r"\d{15,16}\|[\w-]{27,40}", ("|",)),
    ("fireworks", r"fw_[A-Za-z0-9]{22,40}", ("fw_",)),
    ("frameio", rf"fio-u-{_NAME}{{64}}", ("fio-u-",)),
    ("gitlab-cookie", r"(?<=_gitlab_session=)[0-9a-z]{32}", ("_gitlab_session=",)),
    ("gocardless", rf"live_{_NAME}{{40}}", ("live_",)),
    ("grafana-legacy", r"eyJrIjoi[A-Za-z0-9_-]{60,400}={0,2}", ("eyjrijoi",)),
    ("harness", r"[ps]at\.[\w-]{22}\.[0-9a-f]{24}\.[A-Za-z0-9]{20}", ("pat.", "sat.")),
    ("honeycomb", r"hc[abx][imk]k?_[a-z0-9]{26,64}", ("hca", "hcb", "hcx")),
    ("infisical", r"st\.[0-9a-f]{24}\.[0-9a-f]{32}\.[0-9a-f]{32}", ("st.",)),
    ("infracost", r"ico-[A-Za-z0-9]{32}", ("ico-",)),
    ("inngest", r"signkey-(?:prod|test|branch)-[0-9a-f]{32,64}", ("signkey-",)),
    ("intra42", r"s-s4t2(?:ud|af)-[0-9a-f]{64}", ("s-s4t2",)),
    ("jetbrains", r"perm[:-][A-Za-z0-9+/=]{8,60}\.[A-Za-z0-9+/=-]{4,60}\.[A-Za-z0-9]{30,60}", ("perm:", "perm-")),
    ("jina", r"jina_[0-9a-f]{32}[A-Za-z0-9_-]{16,40}", ("jina_",)),
    ("klarna", r"klarna_(?:live|test)_api_[A-Za-z0-9+/=_-]{40,160}", ("klarna_",)),
    ("langfuse", rf"sk-lf-{_UUID}", ("sk-lf-",)),
    ("lob", r"(?:live|test)_[0-9a-f]{35}", ("live_", "test_")),
    ("mailersend", r"mlsn\.[0-9a-f]{60,70}", ("mlsn.",)),
    ("mandrill", r"md-[A-Za-z0-9_-]{22}", ("md-",)),
    ("maxmind", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk", ("_mmk",)),
    ("mercado-pago", rf"APP_USR-(?:\d{{10,20}}-\d{{6}}-[0-9a-f]{{32}}-\d{{5,12}}|{_UUID})", ("app_usr-",)),
    ("mollie", r"(?:live|test)_[A-Za-z0-9]{30}", ("live_", "test_")),
    ("mongodb-atlas", r"mdb_sa_sk_[\w-]{36,50}", ("mdb_sa_sk_",)),
    ("okta", rf"00{_NAME}{{40}}", ("okta",)),
    ("onesignal", r"os_v2_(?:app|org)_[a-z0-9]{80,120}", ("os_v2_",)),
    ("packagist", r"packagist_[a-z]{3}_[0-9a-f]{60,80}", ("packagist_",)),
    ("paddle", r"pdl_(?:live|sdbx)_api_?key_[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}", ("pdl_",)),
    ("posthog", r"ph[xs]_[A-Za-z0-9]{36,60}", ("phx_", "phs_")),
    ("scaleway", r"SCW[A-Z0-9]{17}", ("scw",)),
    ("scalingo", r"tk-us-[\w-]{48}", ("tk-us-",)),
    ("settlemint", r"sm_(?:aat|pat|sat)_[A-Za-z0-9]{16}", ("sm_aat_", "sm_pat_", "sm_sat_")),
    ("sidekiq", r"(?<=[=/ @])[0-9a-f]{8}:[0-9a-f]{8}(?=@|\s|\Z)", ("contribsys",)),
    ("snyk", r"snyk_(?:uat|sat)\.[0-9a-f]{8}\.[\w.-]{30,200}", ("snyk_",)),
    ("stytch", r"secret-(?:live|test)-[\w-]{36,50}=?", ("secret-live-", "secret-test-")),
    ("telnyx", r"KEY0[0-9A-F]{32}_[A-Za-z0-9]{20,24}", ("key0",)),
    ("trello", r"ATTA[0-9a-f]{64}[0-9A-F]{8}", ("atta",)),
    ("trigger", r"tr_(?:dev|prod|stg|preview)_[A-Za-z0-9]{20,30}", ("tr_",)),
    ("unkey", r"unkey_[A-Za-z0-9]{20,40}", ("unkey_",)),
    ("vault-legacy", r"(?<![\w.])s\.[A-Za-z0-9]{24}", ("s.",)),
    ("vercel", r"(?:vc[pikar]_[A-Za-z0-9]{24,64}|vercel_blob_rw_[A-Za-z0-9_]{30,60})", ("vc", "vercel_blob")),
    ("voyage", r"pa-[\w-]{43}", ("pa-",)),
    ("xata", r"xau_[A-Za-z0-9]{30,44}", ("xau_",)),
)
# Vendors whose keys have no prefix: the name stands in the variable ("DATADOG_API_KEY="); the value as documented.
_HEX, _ALNUM, _WIDE = "[0-9a-f]{%s}", "[A-Za-z0-9]{%s}", "[A-Za-z0-9_=+/.-]{%s}"
_NAMED: tuple[tuple[str, str], ...] = (
    ("adafruit", _WIDE % "32"), ("adobe", _HEX % "32"), ("airtable", _ALNUM % "17"), ("algolia", _ALNUM % "32"),
    ("alibaba", _ALNUM % "30"), ("aliyun", _ALNUM % "30"), ("amplitude", _HEX % "32"), ("asana", _ALNUM % "32"),
    ("assemblyai", _HEX % "32"), ("auth0", _WIDE % "40,80"), ("atlassian|jira|confluence", _ALNUM % "24"),
    ("beamer", _WIDE % "40,50"), ("bitbucket", _WIDE % "32,64"), ("bittrex", _ALNUM % "32"), ("box", _ALNUM % "32"),
    ("bugsnag", _HEX % "32"), ("cloudflare", f"{_WIDE % '40'}|{_HEX % '37'}"), ("cloudinary", _WIDE % "27"),
    ("codecov", f"{_ALNUM % '32'}|{_UUID}"), ("co(?:here|_api_key)", _ALNUM % "40"), ("coinbase", _WIDE % "64"),
    ("confluent", _WIDE % "16,64"), ("contentful", _WIDE % "43"), ("datadog|dd", _HEX % "32,40"),
    ("deepgram", _HEX % "40"), ("deepl", rf"{_UUID}(?::fx)?"), ("deepseek", _ALNUM % "32"),
    ("discord", _WIDE % "32,64"), ("droneci", _ALNUM % "32"), ("dropbox", f"{_ALNUM % '15'}|{_WIDE % '60,160'}"),
    ("etsy", _ALNUM % "24"), ("facebook", _HEX % "32"), ("fastly", _WIDE % "32"), ("finicity", _ALNUM % "20,32"),
    ("finnhub", _ALNUM % "20"), ("flickr", _ALNUM % "32"), ("freemius|secret_key", r"sk_[^\s'\"]{29}"),
    ("freshbooks", _ALNUM % "64"), ("gitter", _WIDE % "40"), ("hetzner|hcloud", _ALNUM % "64"),
    ("intercom", _WIDE % "60"), ("ionos", _WIDE % "40,120"), ("jfrog|artifactory|bintray|xray", _ALNUM % "64,73"),
    ("kraken", _WIDE % "80,90"), ("kucoin", f"{_HEX % '24'}|{_UUID}"), ("launchdarkly", _WIDE % "40"),
    ("linear", _HEX % "32"), ("linkedin|linked[_-]in", _ALNUM % "14,16"), ("linode|akamai", _HEX % "64"),
    ("lob", r"(?:live|test)_pub_[0-9a-f]{31}"), ("looker", _ALNUM % "20,24"), ("mailgun", f"{_HEX % '32'}-[0-9a-f]{{8}}-[0-9a-f]{{8}}|pubkey-{_HEX % '32'}"),
    ("mailjet", _HEX % "32"), ("mattermost", _ALNUM % "26"), ("meraki", _HEX % "40"), ("message[_-]?bird", f"{_ALNUM % '25'}|{_UUID}"),
    ("mistral", _ALNUM % "32"), ("mixpanel", _HEX % "32"), ("netlify", _WIDE % "40,46"), ("new[_-]?relic", _ALNUM % "40,64"),
    ("ngrok", r"[A-Za-z0-9]{26,27}_[A-Za-z0-9]{20,22}"), ("ny(?:times)|new-?york-?times", _WIDE % "32"),
    ("okta", _WIDE % "42"), ("opsgenie", _UUID), ("pagerduty|pd", _WIDE % "20"), ("plaid", f"{_ALNUM % '24,30'}"),
    ("pipedrive", _HEX % "40"), ("postmark", _UUID), ("private[_-]?ai", _ALNUM % "32"), ("pusher", _HEX % "20"),
    ("railway", _UUID), ("rapidapi", _WIDE % "50"), ("rollbar", _HEX % "32"), ("segment", _ALNUM % "32"),
    ("sendbird", f"{_HEX % '40'}|{_UUID}"), ("sentry", _HEX % "64"), ("snyk", _UUID), ("sonar(?:qube|cloud)?", _WIDE % "40"),
    ("sourcegraph", _HEX % "40"), ("sparkpost", _HEX % "40"), ("splunk", _UUID), ("squarespace", _UUID),
    ("sumo(?:logic)?", f"su{_ALNUM % '12'}|{_ALNUM % '64'}"), ("together", _HEX % "64"), ("travis", _ALNUM % "22"),
    ("twilio", _HEX % "32"), ("twitch", _ALNUM % "30"), ("twitter", f"{_ALNUM % '25,50'}|\\d{{15,25}}-[A-Za-z0-9]{{20,40}}"),
    ("vultr", "[A-Z0-9]{36}"), ("wandb|wb", _HEX % "40"), ("yandex", r"YC[\w-]{38}"), ("zendesk", _ALNUM % "40"),
    ("zoom", _ALNUM % "22,32"),
)  # fmt: skip
_QUALIFIED = (
    r"(?:[\w .-]{0,24}(?:key|token|secret|pat|auth|password|access|api|cred|private|signing)[\w .-]{0,16}|[_-]?)"
)


def _named(names: str, value: str) -> KeyRule:
    """`vendor… key = value`; the value must be all of the word, so that a longer digest is none."""
    hints = tuple(part for part in _LITERALS.get(names, names.split("|")))
    pattern = (
        rf"(?:(?<![A-Za-z])(?i:{names})(?i:{_QUALIFIED})[\"'\])]{{0,2}}\s{{0,4}}(?:=>|:=|=|:|,)\s{{0,4}}[\"']?"
        rf"(?-i:({value}))(?![\w=+/-]))"
    )
    return rule(f"{names}-named", pattern, *hints, entropy=2.8, confidence=0.85)


# The keywords of names that are patterns.
_LITERALS = {
    "co(?:here|_api_key)": ("cohere", "co_api_key"),
    "datadog|dd": ("datadog", "dd_"),
    "linkedin|linked[_-]in": ("linkedin", "linked_in", "linked-in"),
    "message[_-]?bird": ("messagebird", "message_bird", "message-bird"),
    "new[_-]?relic": ("newrelic", "new_relic", "new-relic"),
    "ny(?:times)|new-?york-?times": ("nytimes", "york"),
    "pagerduty|pd": ("pagerduty", "pd_"),
    "private[_-]?ai": ("privateai", "private_ai", "private-ai"),
    "sonar(?:qube|cloud)?": ("sonar",),
    "sumo(?:logic)?": ("sumo",),
    "wandb|wb": ("wandb",),
}

VENDOR_RULES = (
    *(rule(name, rf"({pattern})(?![A-Za-z0-9_])", *keywords, entropy=3.0) for name, pattern, keywords in _PREFIXED),
    *(_named(names, value) for names, value in _NAMED),
)

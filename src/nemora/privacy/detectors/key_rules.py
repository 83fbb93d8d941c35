"""Formats of access keys and tokens as their issuers document them, one row each.

A row is tried only where one of its `keywords` stands in the lower-cased text. Group 1 of the pattern, if it has one,
is the secret.
"""

from __future__ import annotations

from dataclasses import dataclass

from nemora.privacy.quick_pattern import QuickPattern


@dataclass(frozen=True, slots=True)
class KeyRule:
    """`entropy`: least Shannon entropy, in bits a character, of the secret."""

    id: str
    pattern: QuickPattern
    keywords: tuple[str, ...]
    entropy: float = 2.5
    confidence: float = 0.95


def rule(id: str, pattern: str, *keywords: str, entropy: float = 2.5, confidence: float = 0.95) -> KeyRule:
    """A row; the pattern may not begin inside a longer word, unless it says itself where it begins."""
    whole = pattern if pattern.startswith("(?:") or "://" in pattern else rf"(?<![A-Za-z0-9_]){pattern}"
    return KeyRule(id, QuickPattern(whole), keywords, entropy, confidence)


_HEX32, _HEX40, _HEX64 = "[0-9a-f]{32}", "[0-9a-f]{40}", "[0-9a-f]{64}"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_END = r"(?![A-Za-z0-9])"

KEY_RULES = (
    # Clouds
    rule(
        "aws-access-key-id",
        rf"((?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{{16}}){_END}",
        "akia",
        "asia",
        "abia",
        "acca",
        entropy=2.8,
    ),
    rule(
        "aws-secret-key",
        r"(?:(?i:secret[\w .-]{0,20}|aws[\w .-]{0,20}key)[\"']?\s{0,3}[=:]{1,2}>?\s{0,3}[\"']?"
        r"([A-Za-z0-9/+]{40}))(?![A-Za-z0-9/+=])",
        "secret",
        "aws",
        entropy=3.5,
    ),
    rule("aws-bedrock-key", r"(ABSK[A-Za-z0-9+/]{100,270}={0,2})", "absk", entropy=3.5),
    rule("google-api-key", rf"(AIza[\w-]{{35}}){_END}", "aiza", entropy=3.0),
    rule("google-oauth-token", r"(ya29\.[\w-]{20,300})", "ya29.", entropy=3.0),
    rule("google-client-secret", r"(GOCSPX-[\w-]{20,40})", "gocspx-", entropy=3.0),
    rule("firebase-messaging-key", r"(AAAA[\w-]{7}:[\w-]{120,180})", "aaaa", entropy=3.5),
    rule(
        "azure-storage-key",
        r"(?:(?i:AccountKey|SharedAccessKey|account_key|storage[_-]?key)[\"']?\s{0,3}[=:]\s{0,3}[\"']?"
        r"([A-Za-z0-9+/]{40,90}={1,2}))",
        "key",
        entropy=3.5,
    ),
    rule("azure-sas", r"(?:[?&;](?i:sig)=([A-Za-z0-9%+/]{40,80}(?:%3[dD]|=)))", "sig=", entropy=3.5),
    rule("azure-client-secret", r"([\w~.-]{3}[0-9]Q~[\w~.-]{31,34})", "q~", entropy=3.3),
    rule("alibaba-access-key", rf"(LTAI[A-Za-z0-9]{{12,24}}){_END}", "ltai", entropy=3.0),
    rule("tencent-secret-id", rf"(AKID[A-Za-z0-9]{{28,36}}){_END}", "akid", entropy=3.0),
    rule(
        "yandex-token", r"((?:AQVN|y[0-3]_|t1\.)[\w-]{35,200})", "aqvn", "y0_", "y1_", "y2_", "y3_", "t1.", entropy=3.3
    ),
    rule("digitalocean-token", rf"(do[opr]_v1_{_HEX64})", "o_v1_", "p_v1_", "r_v1_"),
    rule("cloudflare-origin-key", r"(v1\.0-[0-9a-f]{24}-[0-9a-f]{100,150})", "v1.0-"),
    rule("heroku-key", r"(HRKU-[\w-]{30,64})", "hrku-"),
    rule("heroku-uuid", rf"(?:(?i:heroku)[\w .-]{{0,20}}[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?({_UUID}))", "heroku"),
    rule("databricks-token", r"(dapi[0-9a-f]{32}(?:-\d)?)", "dapi"),
    rule("tailscale-key", r"(tskey-[a-z]{2,12}-[\w-]{16,80})", "tskey-"),
    rule("fly-token", r"(?:(fo1_[\w-]{40,50}|fm[12][ar]?_[A-Za-z0-9+/=]{60,600}))", "fo1_", "fm1", "fm2", entropy=3.3),
    rule("netlify-token", r"(nfp_[A-Za-z0-9]{30,50})", "nfp_"),
    rule("render-key", r"(rnd_[A-Za-z0-9]{28,40})", "rnd_", entropy=3.0),
    rule("supabase-key", r"(sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,60})", "sbp_", "sb_secret_"),
    rule("planetscale-key", r"(pscale_(?:tkn|pw|oauth)_[\w.=-]{30,64})", "pscale_"),
    rule("neon-key", r"(napi_[a-z0-9]{50,80})", "napi_", entropy=3.0),
    # Model providers
    rule("openai-key", r"(sk-(?:[a-z0-9]{2,10}-){0,3}[A-Za-z0-9_-]{20,220})", "sk-", entropy=3.4),
    rule("anthropic-key", r"(sk-ant-[\w-]{16,220})", "sk-ant-", entropy=3.2),
    rule("nvidia-key", r"(nvapi-[\w-]{20,100})", "nvapi-", entropy=3.2),
    rule("huggingface-token", rf"((?:hf_|api_org_)[A-Za-z0-9]{{28,44}}){_END}", "hf_", "api_org_", entropy=3.0),
    rule("groq-key", r"(gsk_[A-Za-z0-9]{30,60})", "gsk_", entropy=3.0),
    rule("xai-key", r"(xai-[A-Za-z0-9]{60,100})", "xai-", entropy=3.0),
    rule("perplexity-key", r"(pplx-[A-Za-z0-9]{32,64})", "pplx-", entropy=3.0),
    rule("replicate-token", r"(r8_[A-Za-z0-9]{36,40})", "r8_", entropy=3.0),
    rule("langsmith-key", r"(lsv2_(?:pt|sk)_[0-9a-f]{32}_[0-9a-f]{8,12})", "lsv2_"),
    rule("pinecone-key", r"(pcsk_[\w]{40,100})", "pcsk_", entropy=3.0),
    rule("search-key", r"(tvly-[\w-]{24,60}|fc-[0-9a-f]{32})", "tvly-", "fc-", entropy=3.0),
    # Code hosting, packages, continuous integration
    rule("github-token", r"(gh[pousr]_[A-Za-z0-9]{30,255})", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", entropy=3.0),
    rule("github-fine-grained", r"(github_pat_\w{22,255})", "github_pat_", entropy=3.0),
    rule(
        "gitlab-token",
        r"(gl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[\w.-]{20,300}|GR1348941[\w-]{20})",
        "gl",
        "gr1348941",
        entropy=3.0,
    ),
    rule("bitbucket-atlassian", r"(AT(?:ATT3|CTT3|BB)[\w=-]{20,250})", "at", entropy=3.2),
    rule("npm-token", r"(npm_[A-Za-z0-9]{36})", "npm_", entropy=3.0),
    rule("pypi-token", r"(pypi-[\w-]{50,255})", "pypi-", entropy=3.3),
    rule("rubygems-key", r"(rubygems_[0-9a-f]{48})", "rubygems_"),
    rule("nuget-key", rf"(oy2[a-z0-9]{{43}}){_END}", "oy2", entropy=3.0),
    rule("crates-token", rf"(cio[A-Za-z0-9]{{32}}){_END}", "cio", entropy=3.3),
    rule("clojars-token", r"(CLOJARS_[a-z0-9]{60})", "clojars_"),
    rule("docker-token", r"(dckr_(?:pat|oat)_[\w-]{20,64})", "dckr_", entropy=3.0),
    rule(
        "artifactory-key",
        r"(?:(?<![A-Za-z0-9])(AKCp[A-Za-z0-9]{60,80}|cmVmdGtu[A-Za-z0-9]{40,64}))",
        "akcp",
        "cmvmdgtu",
        entropy=3.3,
    ),
    rule("sonar-token", rf"(sq[pau]_{_HEX40})", "sqp_", "squ_", "sqa_"),
    rule("terraform-token", r"([A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,80})", ".atlasv1.", entropy=3.3),
    rule("pulumi-token", rf"(pul-{_HEX40})", "pul-"),
    rule("doppler-token", r"(dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,60})", "dp.", entropy=3.0),
    rule("vault-token", r"(hv[sbr]\.[\w-]{20,300})", "hvs.", "hvb.", "hvr.", entropy=3.2),
    rule(
        "onepassword-token",
        r"(ops_eyJ[\w+/=-]{100,1000}|A3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}"
        r"|[A-Z0-9]{6}-[A-Z0-9]{5})-[A-Z0-9]{5}-[A-Z0-9]{5}-[A-Z0-9]{5})",
        "ops_eyj",
        "a3-",
        entropy=3.3,
    ),
    rule("prefect-key", r"(pn[ub]_[A-Za-z0-9]{36})", "pnu_", "pnb_", entropy=3.0),
    rule("octopus-key", rf"(API-[A-Z0-9]{{26,30}}){_END}", "api-", entropy=3.3),
    rule("postman-key", r"(PMAK-[0-9a-f]{24}-[0-9a-f]{34})", "pmak-"),
    rule("sourcegraph-token", r"(sgp_(?:[\da-f]{16}_|local_)?[0-9a-f]{40})", "sgp_"),
    rule(
        "cursor-linear-figma", r"(lin_(?:api|oauth)_[A-Za-z0-9]{40,64}|figd_[\w-]{36,44})", "lin_", "figd_", entropy=3.0
    ),
    # Messages and mail
    rule(
        "slack-token",
        r"(xox[abcdeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,250}|xapp-\d-[A-Za-z0-9-]{20,150})",
        "xox",
        "xapp-",
        entropy=2.8,
    ),
    rule(
        "slack-webhook",
        r"(https://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/_]{20,120})",
        "hooks.slack",
        entropy=3.0,
    ),
    rule(
        "discord-webhook",
        r"(https://(?:\w+\.)?discord(?:app)?\.com/api/webhooks/\d{15,21}/[\w-]{40,90})",
        "/api/webhooks/",
        entropy=3.0,
    ),
    rule(
        "discord-bot-token",
        r"([MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,40})(?![\w-])",
        "discord",
        "bot",
        "token",
        entropy=3.8,
    ),
    rule(
        "teams-webhook",
        r"(https://[\w.-]{1,80}\.webhook\.office\.com/webhookb2/[\w@/-]{60,260})",
        "webhook.office",
        entropy=3.0,
    ),
    rule("telegram-bot-token", r"(\d{8,10}:A[\w-]{34})(?![\w-])", ":a", entropy=3.5),
    rule("twilio-key", rf"(SK{_HEX32}){_END}", "sk", entropy=3.0),
    rule("twilio-account", rf"(AC{_HEX32}){_END}", "ac", entropy=3.0, confidence=0.7),
    rule("sendgrid-key", r"(SG\.[\w-]{16,32}\.[\w-]{16,64})", "sg.", entropy=3.3),
    rule("mailgun-key", rf"(key-{_HEX32}|{_HEX32}-[0-9a-f]{{8}}-[0-9a-f]{{8}}){_END}", "key-", "mailgun", entropy=3.0),
    rule("mailchimp-key", rf"({_HEX32}-us\d{{1,2}}){_END}", "-us", entropy=3.0),
    rule("brevo-key", rf"(xkeysib-{_HEX64}-[A-Za-z0-9]{{16}})", "xkeysib-"),
    rule("resend-key", r"(re_[A-Za-z0-9]{8}_[A-Za-z0-9]{20,30})", "re_", entropy=3.3),
    # Payments and commerce
    rule(
        "stripe-key",
        r"((?:sk|rk)_(?:live|test|prod)_[A-Za-z0-9]{10,120}|whsec_[A-Za-z0-9+/=]{24,64})",
        "_live_",
        "_test_",
        "_prod_",
        "whsec_",
        entropy=2.8,
    ),
    rule("shopify-token", r"(shp(?:at|ca|pa|ss|tka|ua)_[0-9a-fA-F]{32})", "shp"),
    rule("square-token", r"(EAAA[\w-]{56,64}|sq0[a-z]{3}-[\w-]{22,50})", "eaaa", "sq0", entropy=3.3),
    rule("paypal-braintree", r"(access_token\$(?:production|sandbox)\$[0-9a-z]{16}\$[0-9a-f]{32})", "access_token$"),
    rule("plaid-token", rf"(access-(?:sandbox|development|production)-{_UUID})", "access-"),
    rule("razorpay-key", r"(rzp_(?:live|test)_[A-Za-z0-9]{14,24})", "rzp_", entropy=3.0),
    rule("flutterwave-key", r"(FLWSECK(?:_TEST)?-[0-9a-zA-Z-]{16,60})", "flwseck"),
    rule("easypost-key", r"(EZ[AT]K[A-Za-z0-9]{54})", "ezak", "eztk", entropy=3.0),
    rule("shippo-token", rf"(shippo_(?:live|test)_{_HEX40})", "shippo_"),
    # Watching and other services
    rule(
        "newrelic-key",
        r"(NR(?:AK|II|RA|AL|IQ|JS)-[A-Za-z0-9_-]{19,40})",
        "nrak-",
        "nrii-",
        "nrra-",
        "nral-",
        "nriq-",
        "nrjs-",
        entropy=3.0,
    ),
    rule("sentry-dsn", r"(https://[0-9a-f]{32}(?::[0-9a-f]{32})?@[\w.-]{3,80}/\d{1,20})", "@", entropy=3.0),
    rule("sentry-token", r"(sntry[su]_[A-Za-z0-9+/=_-]{40,300})", "sntry", entropy=3.0),
    rule(
        "grafana-token",
        r"(glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8}|glc_[A-Za-z0-9+/]{32,400}={0,2})",
        "glsa_",
        "glc_",
        entropy=3.0,
    ),
    rule("dynatrace-token", r"(dt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64})", "dt0"),
    rule("launchdarkly-key", rf"((?:sdk|api|mob)-{_UUID})", "sdk-", "api-", "mob-"),
    rule("notion-token", r"(secret_[A-Za-z0-9]{43}|ntn_[A-Za-z0-9]{40,50})", "secret_", "ntn_", entropy=3.3),
    rule("airtable-token", rf"(pat[A-Za-z0-9]{{14}}\.{_HEX64})", "pat", entropy=3.3),
    rule("hubspot-token", rf"(pat-(?:na|eu|ap)\d-{_UUID})", "pat-"),
    rule("mapbox-token", r"(sk\.eyJ[\w-]{40,200}\.[\w-]{16,40})", "sk.eyj", entropy=3.3),
    rule("facebook-token", rf"(EAA[A-Za-z0-9]{{80,300}}){_END}", "eaa", entropy=3.5),
    rule("twitter-bearer", r"(A{15,22}[A-Za-z0-9%]{70,120})", "aaaaaaaaaaaaaaa", entropy=3.0),
    rule(
        "readme-typeform-contentful",
        r"(rdme_[a-z0-9]{60,80}|tfp_[\w.=-]{50,64}|CFPAT-[\w-]{40,50})",
        "rdme_",
        "tfp_",
        "cfpat-",
        entropy=3.0,
    ),
    rule("age-secret-key", r"(AGE-SECRET-KEY-1[0-9A-Z]{58})", "age-secret-key-1"),
    rule(
        "wireguard-key",
        r"(?:(?i:private_?key|preshared_?key)\s{0,3}[=:]\s{0,3}[\"']?([A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=))",
        "key",
        entropy=3.5,
    ),
    rule(
        "kubernetes-docker-config",
        r"(?:\.?dockerc(?:onfigjson|fg)[\"']?\s{0,3}:\s{0,3}[\"']?([A-Za-z0-9+/]{40,4000}={0,2}))",
        "dockerc",
        entropy=3.0,
    ),
    rule("openshift-token", r"(sha256~[\w-]{43})", "sha256~", entropy=3.3),
    rule(
        "kubeadm-token",
        r"(?:(?i:--token|bootstrap-token|token)[ =:\"']{1,4}([a-z0-9]{6}\.[a-z0-9]{16}))(?![\w.])",
        "token",
        entropy=3.0,
    ),
    rule(
        "bitcoin-private-key",
        rf"(?:(?i:private|wif|secret|wallet)[\w \"':=-]{{0,24}}(?<![A-Za-z0-9])([5KL][1-9A-HJ-NP-Za-km-z]{{50,51}}"
        rf"|0x[0-9a-fA-F]{{64}})){_END}",
        "private",
        "wif",
        "secret",
        "wallet",
        entropy=3.0,
    ),
)

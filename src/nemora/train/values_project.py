# ruff: noqa: E501 (word lists)
"""What a firm calls its own work and machines: code names of projects, programs and repositories, names of hosts."""

from __future__ import annotations

import random

from nemora.train.values_firm import FIRMS, coined

Draw = random.Random


def _words(line: str) -> list[str]:
    return line.split()


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
_MORE_NAMES = _words(
    "acorn alabaster albatross alder amber anvil apricot arrow artemis ash asteroid athena avalanche axolotl azure badlands bamboo barracuda basalt bayou beacon bear beaver birch bison blizzard bobcat boomerang borealis brick bronze buffalo"
    " cactus canary canyon caramel caribou cascade cassini cedar centaur chestnut chinook cinder cinnamon citadel citrus clover coconut comet compass condor coral cougar coyote crane crater cricket crocus crystal cyclone cypress dahlia daisy"
    " dandelion delphi dingo dolphin domino doppler dove drake drum dune dynamo eagle echo eclipse eider elk elm emerald emu equinox ermine euler fable fennec fern ferret fig finch fjord flamingo flint fox galileo gannet garnet gecko geyser ginger"
    " glacier goose gorilla grizzly grove gryphon gull hammer harbor hare harpoon harvest hawk hazel hedgehog helios hickory hornet horizon hurricane ibex iceberg ibis icarus iguana indigo iris iron ivory ivy jackal jade jaguar jasmine jasper jay"
    " kangaroo kepler kestrel kingfisher kite kiwi koala kraken labrador lagoon lark lava lavender leopard lighthouse lilac lime lion lotus lynx macaw mango maple marble marigold mesa meteor minerva mint mistral mockingbird moose mosaic moss mustang"
    " narwhal nebula neptune newton nile nomad nova oak oasis ocelot octopus olive onyx opal orca osprey ostrich owl oxbow paladin panda panther papaya parrot peacock pearl pebble pegasus penguin peregrine petrel pine pinecone piranha platypus plum"
    " poppy porcupine prairie prism puffin puma python quail quartz rabbit raccoon raven reef rhino ripple robin rocket rosewood ruby rushmore sable saguaro salamander salmon samurai sandpiper sapphire saturn savanna scorpion seahorse seal shark sierra"
    " silverfish sirocco snowdrop sparrow spindle spruce squid stingray stork storm sunflower swan swift sycamore tangerine tarantula teal tempest terrapin thunder tiger toucan tsunami tulip turquoise umber unicorn valkyrie vega velvet viper vortex"
    " vulcan walnut walrus wasp watershed whale whirlwind wildfire wisteria wolf wombat yak yeti yew zebra zephyr zinc"
    " eisvogel seeadler nordlicht leuchtturm morgenrot kranich alpenglühen luchs mouette tournesol mistral étoile hirondelle colibrí jacarandá quetzal tiburón relámpago girasole gabbiano tramonto vaga-lume arara kingyo hayabusa tanuki sakura fuji hanabi"
    " tengri bogatyr zarya beryoza vostok bocian wilk tatry kolibri havørn polarlys"
)
_ALL_NAMES = [*_CODE_NAMES, *_MORE_NAMES]
_QUALITIES = _words(
    "red blue green black white golden silver copper iron quiet silent loud northern southern eastern western deep high long bright dark frozen hidden lost broken second third last early late swift bold royal paper glass stone"
)
_THINGS = _words(
    "dawn river tide gate harbour bridge arrow wall sky fox bear owl moon star ladder anchor lantern road field forest mountain storm spring crown castle key box wheel sail signal horizon lake garden"
)
_PLACES = _words(
    "Lisbon Kyoto Oslo Vienna Geneva Dakar Lima Cairo Bergen Havana Quito Zanzibar Tromsø Malta Crete Odessa Valencia Sparta Troy Avalon Babylon Carthage Elba Samarkand Petra Delphi Ithaca Montana Sahara"
)
_CODES = _words("alpha beta gamma delta epsilon sigma omega lambda tau zulu bravo foxtrot tango whiskey")
_AIMS = _words(
    "migration rollout refresh redesign rewrite consolidation carve-out relaunch cutover replatforming integration"
)


def project(draw: Draw) -> str:
    """An internal code name, or the name of a program, repository or library of a firm's own."""
    word, other = draw.choice(_ALL_NAMES), draw.choice(_ALL_NAMES)
    if draw.random() < 0.45:
        return _named(word, other, draw)
    if draw.random() < 0.45:
        return _technical(word, draw)
    return draw.choice(
        [
            word.title(),
            word.title(),
            word.title(),
            word.upper(),
            word,
            coined(draw),
            coined(draw),
            draw.choice(_PLACES),
            draw.choice(_CODES).title(),
        ]
    )


def _named(word: str, other: str, draw: Draw) -> str:
    quality, thing = draw.choice(_QUALITIES), draw.choice(_THINGS)
    return draw.choice(
        [f"Project {word.title()}", f"Project {coined(draw)}", f"Project {draw.choice(_PLACES)}", f"project {word}", f"Operation {quality.title()} {thing.title()}", f"{quality.title()} {thing.title()}",
         f"{quality.title()}{thing.title()}", f"{word.title()} {other.title()}", f"{word.title()} {draw.randrange(2, 6)}", f"{word.title()} {draw.choice(_CODES).title()}", f"Program {word.title()}", f"Codename {word.title()}",
         f"{word.title()} Phase {draw.choice(['II', '2', 'III', 'B'])}", f"{word.title()} {draw.choice(_AIMS)}", f"{draw.choice('ABCDEFGHKLMNPRSTVX')}{draw.choice(['-', ' ', ''])}{draw.randrange(1, 999)}", f"{word.title()}Next", f"{word.title()} NG", f"One{thing.title()}", f"my{word.title()}"]
    )  # fmt: skip


def _technical(word: str, draw: Draw) -> str:
    system, part = draw.choice(_SYSTEMS), draw.choice(_PARTS)
    firm = draw.choice(FIRMS).lower().replace("_", "-")
    return draw.choice(
        [f"{system}-{part}", f"{system}{part}", f"{system}_{part}", f"{word}-{part}", f"{word}-{system}", f"{word}_{system}", f"{firm}-{system}", f"{firm}-{word}", f"{word.title()}{part.title()}", f"{system.title()}{part.title()}",
         f"{word.upper()}-{draw.choice('ABCX')}{draw.randrange(1, 10)}", f"{word}-v{draw.randrange(2, 5)}", f"{word}/{part}", f"{system}-{part}-{draw.choice(['svc', 'v2', 'core', 'fe', 'be', 'ui', 'legacy'])}", f"lib{word}", f"{word}.{part}", f"{word}d", f"py{word}"]
    )  # fmt: skip


def host(draw: Draw) -> str:
    """A machine's name inside a firm."""
    firm = draw.choice(FIRMS).lower().replace("_", "-")
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
    site = draw.choice(_SITES)
    if draw.random() < 0.4:
        return _other_host(role, site, firm, draw)
    return draw.choice(
        [f"{name}.{firm}{zone}", f"{name}.{site}.{firm}{zone}", f"{role}-{site}-{draw.randrange(1, 30):02}", f"{role}-{draw.randrange(1, 9)}", name,
         f"{site}-{role}-{draw.choice('abc')}-{draw.randrange(1, 200):03}".upper() if draw.random() < 0.4 else f"{site}-{role}-{draw.choice('abc')}", f"{firm[:3]}{role.replace('-', '')}{draw.randrange(1, 99):02}"]
    )  # fmt: skip


_HOST_ROLES = _words(
    "bill-svc qms-db render door scada hmi sw-core acc fw-core ora-fin kafka loki dwh etl print dc rds nas-backup pos till cam plc build-mac"
)
_SITES = _words(
    "ams fra prod eu-west hq prd dc2 muc sin plant3 lon nyc syd tok us-east-1 dev uat stg qa test lab dmz edge branch07 store112 whs2 fl3 rack4"
)
_MACHINES = _words(
    "zeus hera thor loki odin frodo gandalf bilbo athena pluto mars jupiter neo morpheus hal marvin r2d2 snoopy garfield obelix asterix mustang tiger everest k2 orion vega"
)


def _other_host(role: str, site: str, firm: str, draw: Draw) -> str:
    """By kind of computer, by asset number, by god or comic figure, in a cluster or under a firm's domain."""
    n = draw.randrange(1, 100)
    zone = draw.choice(
        [
            "internal",
            "corp",
            "local",
            "lan",
            "intra",
            "int",
            "priv",
            "home.arpa",
            "ad",
            "svc.cluster.local",
            "com",
            "de",
            "io",
            "co.uk",
        ]
    )
    return draw.choice(
        [draw.choice(_MACHINES), f"{draw.choice(_MACHINES)}.{firm}.{zone}", f"{draw.choice(_MACHINES)}{draw.randrange(1, 9)}", f"{draw.choice(['DESKTOP', 'LAPTOP', 'WIN', 'PC', 'WS', 'NB', 'MBP'])}-{''.join(draw.choices('ABCDEFGHJKLMNPQRSTUVWXYZ0123456789', k=draw.choice([5, 7])))}",
         f"{firm[:4]}-{role}-{n:02}", f"{role}{n:02}-{site}", f"{site}{role}{n:03}".replace("-", ""), f"{role}.{site}.{firm}.{zone}", f"{role}.{firm}.{zone}", f"{firm[:3].upper()}{site[:3].upper()}{role[:3].upper()}{n:02}", f"ip-10-{n}-{draw.randrange(255)}-{draw.randrange(255)}",
         f"{role}-{''.join(draw.choices('bcdfghjklmnpqrstvwxz2456789', k=5))}", f"node-{n}.{site}.{zone}", f"{role}.{site}.svc.cluster.local", f"srv{n:04}", f"vm-{role}-{n}", f"\\\\{role}{n:02}", f"{role}.{zone}" if "." not in zone else f"{role}{n}.{firm}.lan", f"esx{n:02}.{firm}.{zone}"]
    )  # fmt: skip

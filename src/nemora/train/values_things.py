# ruff: noqa: E501 (word lists)
"""Capitalised words that name no person, firm or project of anybody's own: products, dishes, breeds, terms, works."""

from __future__ import annotations

THINGS = (
    "Chai Latte|Golden Retriever|Pumpkin Spice|Excel Pivot Table|Windows Server|Premium Plan|Family Plan|Dark Mode|Quick Start Guide|Getting Started|Terms of Service|Privacy Policy|Sign Up|Add to Cart|Blue Hour"
    "|Caesar Salad|Earl Grey|Victoria Sponge|Granny Smith|Margherita|Black Forest Cake|Bloody Mary|Tom Collins|Old Fashioned|Reuben Sandwich|Eggs Benedict|Beef Wellington|Peach Melba|Baked Alaska"
    "|German Shepherd|Jack Russell|Maine Coon|Border Collie|Rose Gold|Navy Blue|Forest Green|Midnight Black|Space Grey|Robin Hood|Jekyll and Hyde|Big Ben|Mount Everest|River Thames|Black Friday|Mardi Gras"
    "|Good Friday|Labor Day|Mother's Day|Summer Sale|Winter Olympics|World Cup|Premier League|Formula One|Super Bowl|Chess Olympiad|Monte Carlo method|Gaussian Blur|Bayes theorem|Fourier transform|Dijkstra's algorithm"
    "|Turing machine|Pareto principle|Murphy's law|Occam's razor|Stockholm syndrome|Richter scale|Bunsen burner|Petri dish|Geiger counter|Morse code|Braille|Celsius|Fahrenheit|Diesel engine|Ferris wheel"
    "|Jenkins pipeline|Maven build|Gradle task|Docker image|Kubernetes pod|React component|Ruby on Rails|Django view|Flask app|Pandas frame|Julia package|Ada compiler|Pascal case|Haskell type|Erlang node|Elm module"
    "|Alexa|Siri|Cortana|Jasper report|Sphinx docs|Jinja template|Celery worker|Marshmallow schema|Pillow image|Faker library|Mercury thermometer|Saturn ring|Aurora cluster|Redshift table|Oracle index"
    "|Model S|Series A|Chapter One|Level Two|Gate B12|Boeing 737|Airbus A320|iPhone 15|Galaxy S23|ThinkPad X1|PlayStation 5|Kindle|Raspberry Pi|Arduino Uno|Bluetooth 5.3|USB-C|HDMI 2.1|Wi-Fi 6|PCIe Gen 4|Ryzen 7 5800X"
)
"""Of products, programs, dishes and terms, between bars."""

WORKS = (
    "Hamlet|Macbeth|Jane Eyre|Anna Karenina|Emma|Oliver Twist|Don Quixote|Madame Bovary|Frankenstein|Dracula|Moby-Dick|Romeo and Juliet|Alice in Wonderland|Peter Pan|Robinson Crusoe|Rebecca|Faust|Carmen|Tosca|Aida"
    "|The Great Gatsby|Pride and Prejudice|War and Peace|The Magic Flute|Swan Lake|The Little Prince|The Odyssey|Beowulf|King Lear|Othello"
)
"""Titles of old books, plays and operas, some of which are names, between bars."""

# ruff: noqa: E501 (a list of names)
"""People whom everybody knows, in their public role: hard negatives, by list and by the whole name.

Short on purpose: rulers, scientists, writers, artists and founders of whom schoolbooks and encyclopaedias are full. A private
person who bears such a name is taken for the famous one. What is said of them is still judged by its matter.
"""

from __future__ import annotations

PUBLIC_FIGURES = frozenset(
    name.strip().casefold()
    for name in """
    Ada Lovelace, Adam Smith, Adolf Hitler, Agatha Christie, Alan Turing, Albert Camus, Albert Einstein, Alexander Fleming,
    Alexander Graham Bell, Alexander Hamilton, Alexander Pushkin, Alfred Hitchcock, Alfred Nobel, Amelia Earhart,
    Andy Warhol, Angela Merkel, Anne Frank, Anton Chekhov, Antonio Vivaldi, Aretha Franklin, Arthur Conan Doyle,
    Barack Obama, Benjamin Franklin, Benito Mussolini, Bertrand Russell, Beyoncé Knowles, Bill Clinton, Bill Gates,
    Billie Eilish, Blaise Pascal, Bob Dylan, Bob Marley, Carl Friedrich Gauss, Carl Jung, Carl Linnaeus, Carl Sagan,
    Charles Babbage, Charles Darwin, Charles Dickens, Charlie Chaplin, Che Guevara, Christopher Columbus, Claude Monet,
    Claude Shannon, Cristiano Ronaldo, Dalai Lama, Dante Alighieri, David Bowie, David Hume, Dmitri Mendeleev, Donald Knuth,
    Donald Trump, Dwight Eisenhower, Edgar Allan Poe, Edgar Degas, Edvard Munch, Edward Snowden, Edwin Hubble, Elon Musk,
    Elvis Presley, Emily Brontë, Emily Dickinson, Emmanuel Macron, Enrico Fermi, Ernest Hemingway, Erwin Schrödinger,
    Eva Perón, F. Scott Fitzgerald, Ferdinand Magellan, Fidel Castro, Florence Nightingale, Francis Bacon, Frank Sinatra,
    Franklin D. Roosevelt, Franz Kafka, Franz Liszt, Franz Schubert, Freddie Mercury, Frida Kahlo, Friedrich Engels,
    Friedrich Nietzsche, Fyodor Dostoevsky, Gabriel García Márquez, Galileo Galilei, Genghis Khan, George Bernard Shaw,
    George Bush, George Orwell, George Washington, Giuseppe Verdi, Grace Hopper, Greta Thunberg, Gustav Klimt,
    Gustav Mahler, Harriet Tubman, Harry Truman, Heinrich Heine, Helen Keller, Henri Matisse, Henry David Thoreau,
    Henry Ford, Herman Melville, Hermann Hesse, Hillary Clinton, Immanuel Kant, Indira Gandhi, Isaac Asimov, Isaac Newton,
    J. K. Rowling, J.K. Rowling, J. R. R. Tolkien, J.R.R. Tolkien, Jacinda Ardern, James Cook, James Joyce,
    James Clerk Maxwell, James Watt, Jane Austen, Jane Goodall, Jean-Jacques Rousseau, Jean-Paul Sartre, Jeff Bezos,
    Jimi Hendrix, Joan of Arc, Joe Biden, Johann Sebastian Bach, Johann Wolfgang von Goethe, Johannes Brahms,
    Johannes Gutenberg, Johannes Kepler, Johannes Vermeer, John F. Kennedy, John Keats, John Lennon, John Locke,
    John Maynard Keynes, John Milton, John Steinbeck, John Stuart Mill, John von Neumann, Jorge Luis Borges, Joseph Haydn,
    Joseph Stalin, Jules Verne, Julius Caesar, Justin Trudeau, Karl Marx, Karl Popper, Kim Jong Un, King Lear, Kofi Annan,
    Kurt Cobain, Kurt Gödel, Lady Gaga, Leo Tolstoy, Leonard Cohen, Leonardo da Vinci, Leonhard Euler, Lewis Carroll,
    Linus Torvalds, Lionel Messi, Louis Armstrong, Louis Pasteur, Ludwig van Beethoven, Ludwig Wittgenstein,
    Mahatma Gandhi, Malcolm X, Mao Zedong, Marco Polo, Margaret Atwood, Margaret Thatcher, Maria Callas, Marie Antoinette,
    Marie Curie, Marilyn Monroe, Mark Twain, Mark Zuckerberg, Martin Luther, Martin Luther King, Mary Shelley, Max Planck,
    Max Weber, Michael Faraday, Michael Jackson, Michael Jordan, Michelle Obama, Miguel de Cervantes, Mikhail Gorbachev,
    Miles Davis, Mother Teresa, Muhammad Ali, Napoleon Bonaparte, Narendra Modi, Neil Armstrong, Nelson Mandela,
    Niccolò Machiavelli, Nicolaus Copernicus, Niels Bohr, Nikola Tesla, Noam Chomsky, Oliver Cromwell, Oprah Winfrey,
    Oscar Wilde, Pablo Neruda, Pablo Picasso, Paul Cézanne, Paul Gauguin, Paul McCartney, Pierre Curie, Queen Victoria,
    Rabindranath Tagore, Rachel Carson, Ray Bradbury, René Descartes, Richard Feynman, Richard Nixon, Richard Wagner,
    Robert Frost, Robert Oppenheimer, Roger Federer, Ronald Reagan, Rosa Luxemburg, Rosa Parks, Rudyard Kipling,
    Salvador Dalí, Samuel Beckett, Serena Williams, Sergei Rachmaninoff, Sherlock Holmes, Sigmund Freud, Simone de Beauvoir,
    Simón Bolívar, Socrates, Stephen Hawking, Stephen King, Steve Jobs, Steven Spielberg, Sun Tzu, Sylvia Plath,
    Taylor Swift, Thomas Aquinas, Thomas Edison, Thomas Hobbes, Thomas Jefferson, Thomas Mann, Tim Berners-Lee, Tim Cook,
    Toni Morrison, Ulysses Grant, Umberto Eco, Usain Bolt, Vasco da Gama, Victor Hugo, Vincent van Gogh, Virginia Woolf,
    Vladimir Lenin, Vladimir Nabokov, Vladimir Putin, Volodymyr Zelenskyy, Walt Disney, Walt Whitman, Warren Buffett,
    Werner Heisenberg, William Blake, William Faulkner, William Shakespeare, William Wordsworth, Winston Churchill,
    Wolfgang Amadeus Mozart, Woodrow Wilson, Xi Jinping,
    毛泽东, 毛澤東, 邓小平, 鄧小平, 周恩来, 周恩來, 习近平, 習近平, 孙中山, 孫中山, 蒋介石, 蔣介石, 江泽民, 胡锦涛, 温家宝, 李克强, 秦始皇, 成吉思汗, 康熙, 乾隆, 武则天, 武則天,
    曹操, 刘备, 劉備, 孙权, 孫權, 诸葛亮, 諸葛亮, 关羽, 關羽, 张飞, 張飛, 赵云, 項羽, 项羽, 刘邦, 劉邦, 韩信, 岳飞, 岳飛, 文天祥, 林则徐, 林則徐,
    郑和, 鄭和, 李白, 杜甫, 白居易, 王维, 王維, 苏轼, 蘇軾, 苏东坡, 李清照, 辛弃疾, 陆游, 陶渊明, 屈原, 司马迁, 司馬遷, 欧阳修, 歐陽修, 王安石, 司马光, 韩愈,
    柳宗元, 李商隐, 杜牧, 孟浩然, 王羲之, 曹雪芹, 罗贯中, 施耐庵, 吴承恩, 蒲松龄, 鲁迅, 魯迅, 老舍, 巴金, 茅盾, 沈从文, 张爱玲, 張愛玲, 金庸, 莫言, 余华, 钱钟书,
    徐志摩, 林语堂, 胡适, 梁启超, 康有为, 王阳明, 朱熹, 孔子, 孟子, 老子, 庄子, 荀子, 墨子, 韩非子, 孙子, 張衡, 张衡, 祖冲之, 沈括, 李时珍, 華佗, 华佗,
    张仲景, 屠呦呦, 杨振宁, 楊振寧, 李政道, 钱学森, 錢學森, 华罗庚, 陈景润, 袁隆平, 马云, 馬雲, 马化腾, 任正非, 李嘉诚, 李小龙, 李小龍, 成龙, 成龍, 姚明, 刘翔, 李连杰,
    周杰伦, 周杰倫, 邓丽君, 鄧麗君, 王菲, 梅兰芳, 齐白石, 徐悲鸿, 张大千, 郎朗, 李云迪, 张艺谋, 孫悟空, 孙悟空, 贾宝玉, 林黛玉, 宋江, 武松,
    徳川家康, 豊臣秀吉, 織田信長, 坂本龍馬, 西郷隆盛, 伊藤博文, 福沢諭吉, 夏目漱石, 芥川龍之介, 太宰治, 三島由紀夫, 川端康成, 村上春樹, 紫式部, 清少納言, 松尾芭蕉, 宮沢賢治, 樋口一葉, 森鷗外, 大江健三郎, 安倍晋三, 昭和天皇,
    聖徳太子, 源義経, 源頼朝, 武田信玄, 上杉謙信, 明智光秀, 伊達政宗, 宮本武蔵, 葛飾北斎, 歌川広重, 黒澤明, 宮崎駿, 手塚治虫, 鳥山明, 小澤征爾, 坂本龍一, 湯川秀樹, 野口英世, 山中伸弥, 大谷翔平, イチロー, 羽生結弦,
    草間彌生, 本田宗一郎, 松下幸之助, 東野圭吾,
    세종대왕, 이순신, 김구, 안중근, 유관순, 이성계, 김유신, 장영실, 신사임당, 이황, 이이, 정약용, 허준, 윤동주, 김소월, 한용운, 이상, 김춘수, 박경리, 조정래, 황순원, 한강,
    이승만, 박정희, 전두환, 김대중, 노무현, 이명박, 박근혜, 문재인, 윤석열, 이재명, 김일성, 김정일, 김정은, 반기문, 손흥민, 김연아, 박지성, 박찬호, 류현진, 봉준호, 박찬욱, 조수미,
    정명훈, 백남준, 방탄소년단, 홍길동, 춘향, 심청
    """.replace("\n", " ").split(",")
)  # fmt: skip


def is_public_figure(name: str) -> bool:
    """Whether `name` is, as a whole, that of somebody on the list."""
    return " ".join(name.split()).casefold() in PUBLIC_FIGURES

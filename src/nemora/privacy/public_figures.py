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
    Wolfgang Amadeus Mozart, Woodrow Wilson, Xi Jinping
    """.replace("\n", " ").split(",")
)  # fmt: skip


def is_public_figure(name: str) -> bool:
    """Whether `name` is, as a whole, that of somebody on the list."""
    return " ".join(name.split()).casefold() in PUBLIC_FIGURES

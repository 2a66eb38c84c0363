"""A hundred queries as people type them, and a part of title and author of which one must be among
the first three results. Written down before anything was tuned to them."""

# On the ten thousand books of the data set.
ENGLISH = """
harry potter | harry potter
hary potter | harry potter
harry poter | harry potter
the hobbit | hobbit
the hobit | hobbit
hobbit tolkien | hobbit
tolkien hobbit | hobbit
suzanne colins | suzanne collins
hunger games | hunger games
hungr games | hunger games
dostoevsky | dostoyevsky
dr suess | dr. seuss
dr. seuss | dr. seuss
catch22 | catch-22
catch 22 | catch-22
catch-22 | catch-22
1984 | 1984
george orwell 1984 | 1984
orwel | orwell
stephen king it | it stephen king
king it | it stephen king
it stephen king | it stephen king
o. henry | o. henry
jk rowling | rowling
j.k. rowling | rowling
rowling harry | harry potter
to kill a mockingbird | to kill a mockingbird
to kill a mocking bird | to kill a mockingbird
great gatsby | great gatsby
gatsby fitzgerald | great gatsby
f scott fitzgerald | fitzgerald
pride and prejudice | pride and prejudice
pride & prejudice | pride and prejudice
pride and predjudice | pride and prejudice
jane austin | jane austen
wuthering hights | wuthering heights
emily bronte | emily brontë
lord of the rings | lord of the rings
lord of the ring | lord of the ring
fellowship of the ring | fellowship of the ring
game of thrones | game of thrones
game of throns | game of thrones
da vinci code | da vinci code
davinci code | da vinci code
dan brown angels | angels
stephanie meyer | stephenie meyer
9780439023481 | hunger games
0439023483 | hunger games
978-0-439-02348-1 | hunger games
animal farm | animal farm
alcott little women | little women
the alchemist coelho | alchemist
paulo cohelo | paulo coelho
gabriel garcia marquez | gabriel garcía márquez
one hundred years of solitude | one hundred years of solitude
haruki murakami | murakami
norwegian wood | norwegian wood
enders game | ender's game
ender's game | ender's game
hitchhikers guide | hitchhiker's guide
slaughterhouse five | slaughterhouse
slaughterhouse-five vonnegut | slaughterhouse
fahrenheit 451 | fahrenheit 451
farenheit 451 | fahrenheit 451
girl dragon tatoo | dragon tattoo
steig larsson | stieg larsson
the handmaids tale | handmaid's tale
life of pi | life of pi
the book theif | book thief
lolita nabokov | lolita
crime and punishment | crime and punishment
les miserables | les misérables
dorian grey | dorian gray
harper lee | harper lee
neil gaiman american gods | american gods
charlottes web | charlotte's web
steinbeck mice | of mice and men
"""
# On a small set in other scripts.
OTHERS = """
गोदान | गोदान
हिन्दी | हिन्दी
村上 | ノルウェイの森
ノルウェイ | ノルウェイの森
森 | ノルウェイの森
猫 | 吾輩は猫である
채식 | 채식주의자
نجيب | أولاد حارتنا
istanbul | i̇stanbul
yasar kemal | i̇nce memed
καπεταν | μιχάλης
ภาพ | ข้างหลังภาพ
crepe oeuvre | crêpe œuvre
1914-1918 | first world war
c++ | programming in c++
c# | learning c#
.net | .net in action
טולקין | שר הטבעות
достоевский | преступление
булгаков мастер | мастер и маргарита
булгакаов | мастер и маргарита
红楼 | 红楼梦
cien anos | cien años
"""
BOOKS = """
गोदान | प्रेमचंद
हिन्दी व्याकरण | लेखक एक
हिन्दू धर्म | लेखक दो
ノルウェイの森 | 村上春樹
海辺のカフカ | 村上春樹
吾輩は猫である | 夏目漱石
雪国 | 川端康成
채식주의자 | 한강
소년이 온다 | 한강
أولاد حارتنا | نجيب محفوظ
موسم الهجرة إلى الشمال | الطيب صالح
İstanbul: Hatıralar ve Şehir | Orhan Pamuk
İnce Memed | Yaşar Kemal
Ο Καπετάν Μιχάλης | Νίκος Καζαντζάκης
Βίος και Πολιτεία | Νίκος Καζαντζάκης
ข้างหลังภาพ | ศรีบูรพา
สี่แผ่นดิน | คึกฤทธิ์ ปราโมช
Crêpe Œuvre | Ann
The First World War, 1914-1918 | Ann Bee
The War of 1918 | Ann Bee
Programming in C++ | Bob See
C Primer | Dora Dee
Learning C# | Cara Gee
.NET in Action | Dan Jay
Nets and Traps | Dan Jay
שר הטבעות | טולקין
Преступление и наказание | Фёдор Достоевский
Мастер и Маргарита | Михаил Булгаков
Собачье сердце | Михаил Булгаков
Война и мир | Лев Толстой
红楼梦 | 曹雪芹
骆驼祥子 | 老舍
Cien años de soledad | Gabriel García Márquez
Rayuela | Julio Cortázar
"""


def pairs(text: str) -> list[tuple[str, str]]:
    """Return the two halves of each line."""
    lines = (line.split(" | ") for line in text.strip().splitlines())
    return [(first, second) for first, second in lines]

"""Short files in the encodings of many languages: read right, or shown as doubtful."""

import io
from itertools import chain, pairwise

import pytest

from bookstore.catalogue.importing import encodings

HEAD = "Title;Author;Price;Condition"
BOOKS = {
    "cp1255": """
        סיפור על אהבה וחושך; עמוס עוז
        מישהו לרוץ איתו; דויד גרוסמן
        שלום; עגנון
        התנ"ך; אברהם
        הנסיך הקטן; אנטואן דה סנט-אכזופרי
        1984; ג'ורג' אורוול
        Emma; ג'יין אוסטן
        תורה; רש"י
        זיכרון דברים; יעקב שבתאי
        אישה בורחת מבשורה; דויד גרוסמן
        חסמבה; יגאל מוסינזון
        כוכבים בחוץ; נתן אלתרמן
    """,
    "cp1253": """
        Ο Καπετάν Μιχάλης; Νίκος Καζαντζάκης
        Το Τρίτο Στεφάνι; Κώστας Ταχτσής
        Άξιον Εστί; Οδυσσέας Ελύτης
        Ζορμπάς; Καζαντζάκης
        Η Φόνισσα; Αλέξανδρος Παπαδιαμάντης
        ΟΔΥΣΣΕΙΑ; ΟΜΗΡΟΣ
        Ποιήματα; Καβάφης
        Emma; Ώστεν
        Λωξάντρα; Μαρία Ιορδανίδου
        Το Άξιον Εστί; Ελύτης
        ΖΗΤΑ; ΒΑΣΙΛΙΚΟΣ
        η μητέρα του σκύλου; παύλος μάτεσις
    """,
    "cp1251": """
        Мастер и Маргарита; Михаил Булгаков
        Собачье сердце; Михаил Булгаков
        Идиот; Достоевский
        Война и мир; Лев Толстой
        МАСТЕР И МАРГАРИТА; БУЛГАКОВ М.А.
        Мы; Замятин
        Кобзар; Тарас Шевченко
        Тіні забутих предків; Михайло Коцюбинський
        Под игото; Иван Вазов
        На Дрини ћуприја; Иво Андрић
        Emma; Остин
        Анна Каренина; Л. Н. Толстой
        Вишнёвый сад; Чехов
        Тихий Дон; Шолохов
        Лісова пісня; Леся Українка
        Бай Ганьо; Алеко Константинов
        преступление и наказание; достоевский
    """,
    "koi8_r": """
        Мастер и Маргарита; Михаил Булгаков
        Идиот; Достоевский
    """,
    "cp866": """
        Мастер и Маргарита; Михаил Булгаков
        Идиот; Достоевский
    """,
    "cp1254": """
        İnce Memed; Yaşar Kemal
        Kürk Mantolu Madonna; Sabahattin Ali
        Tutunamayanlar; Oğuz Atay
        Aşk ve Gurur; Jane Austen
        Kar; Orhan Pamuk'tan seçmeler
        Masumiyet Müzesi; Orhan Pamuk
        Çalıkuşu; Reşat Nuri Güntekin
        Saatleri Ayarlama Enstitüsü; Ahmet Hamdi Tanpınar
        Suç ve Ceza; Dostoyevski
        Aşk; Elif Şafak
        Huzur; Ahmet Hamdi Tanpınar
        Kuyucaklı Yusuf; Sabahattin Ali
        Dokuzuncu Hariciye Koğuşu; Peyami Safa
        Beyaz Kale; Orhan Pamuk, 3. baskı
        Şeker Portakalı; Vasconcelos
    """,
    "cp1250": """
        Lalka; Bolesław Prus
        Pan Tadeusz; Adam Mickiewicz, wyd. piąte
        Chłopi; Władysław Reymont
        Księgi Jakubowe; Olga Tokarczuk
        Solaris; Stanisław Lem
        Wiedźmin; Andrzej Sapkowski
        Babička; Božena Němcová
        Příběhy; Jiří Růžička
        Osudy dobrého vojáka Švejka; Jaroslav Hašek
        Nesnesitelná lehkost bytí; Milan Kundera
        Válka s mloky; Karel Čapek
        Egri csillagok; Gárdonyi Géza
        A Pál utcai fiúk; Molnár Ferenc
        Az ajtó; Szabó Magda
        Sorstalanság; Kertész Imre
        Őszi hajnal; Füst Milán
        Tüskevár; Fekete István
        A kőszívű ember fiai; Jókai Mór
        Ion; Liviu Rebreanu, ediţie
        Pădurea spânzuraţilor; Liviu Rebreanu
        Na Drini ćuprija; Ivo Andrić
        Quo vadis; Sienkiewicz, wydanie drugie, Kraków
        Zbrodnia i kara; Dostojewski, przekład
        Ferdydurke; Gombrowicz, Paryż
        Saturnin; Zdeněk Jirotka
        R.U.R.; Čapek
        Žert; Kundera
        Bílá nemoc; Karel Čapek
        Szent Péter esernyője; Mikszáth Kálmán
        Édes Anna; Kosztolányi Dezső
        Utas és holdvilág; Szerb Antal
        Iskola a határon; Ottlik Géza
        Moromeţii; Marin Preda
        Dervis i smrt; Meša Selimović
        Prokleta avlija; Ivo Andrić
    """,
    "cp1257": """
        Metų laikai; Kristijonas Donelaitis
        Altorių šešėly; Vincas Mykolaitis-Putinas
        Mērnieku laiki; Reinis un Matīss Kaudzītes
        Dvēseļu putenis; Aleksandrs Grīns
        Lāčplēsis; Andrejs Pumpurs
        Zvejnieka dēls; Vilis Lācis
        Uguns un nakts; Rainis, Jānis
        Tõde ja õigus; A. H. Tammsaare
        Rehepapp; Andrus Kivirähk
        Balta drobule; Antanas Škėma
        Dievų miškas; Balys Sruoga
        Straumēni; Edvarts Virza
        Baltā grāmata; Jānis Jaunsudrabiņš
        Kevade; Oskar Luts, kõvakaaneline
        Mees, kes teadis ussisõnu; Andrus Kivirähk
    """,
    "cp1256": """
        ألف ليلة وليلة; مجهول
        موسم الهجرة إلى الشمال; الطيب صالح
        أولاد حارتنا; نجيب محفوظ
        الأيام; طه حسين
        رجال في الشمس; غسان كنفاني
        بوف كور; صادق هدايت
        زقاق المدق; نجيب محفوظ
        النبي; جبران خليل جبران
        كليلة ودمنة; ابن المقفع
    """,
    "cp874": """
        สี่แผ่นดิน; คึกฤทธิ์ ปราโมช
        ข้างหลังภาพ; ศรีบูรพา
        คำพิพากษา; ชาติ กอบจิตติ
        ความสุขของกะทิ; งามพรรณ เวชชาชีวะ
        ปีศาจ; เสนีย์ เสาวพงศ์
    """,
    "cp932": """
        雪国; 川端康成
        こころ; 夏目漱石
        ノルウェイの森; 村上春樹
        吾輩は猫である; 夏目漱石
        人間失格; 太宰治
        キッチン; 吉本ばなな
        羅生門; 芥川龍之介
        Emma; オースティン
        ｺｺﾛ; 夏目漱石
        銀河鉄道の夜; 宮沢賢治
        博士の愛した数式; 小川洋子
        火花; 又吉直樹
        容疑者Xの献身; 東野圭吾
    """,
    "euc_jp": """
        雪国; 川端康成
        こころ; 夏目漱石
        ノルウェイの森; 村上春樹
    """,
    "gbk": """
        红楼梦; 曹雪芹
        骆驼祥子; 老舍
        围城; 钱钟书
        活着; 余华
        三体; 刘慈欣
        三国演义; 罗贯中
        平凡的世界; 路遥
        呐喊; 鲁迅
        白鹿原; 陈忠实
        狼图腾; 姜戎
        边城; 沈从文
    """,
    "big5": """
        紅樓夢; 曹雪芹
        傾城之戀; 張愛玲
        射鵰英雄傳; 金庸
        城南舊事; 林海音
        台北人; 白先勇
        笑傲江湖; 金庸
        撒哈拉的故事; 三毛
        孽子; 白先勇
    """,
    "cp949": """
        삼국지 三國志; 나관중
        채식주의자; 한강
        82년생 김지영; 조남주
        토지; 박경리
        소나기; 황순원
        엄마를 부탁해; 신경숙
        칼의 노래; 김훈
        태백산맥; 조정래
        아몬드; 손원평
        우리들의 일그러진 영웅; 이문열
        무정; 이광수
    """,
    "cp1252": """
        L’Été; Camus
        Der Prozeß; Franz Kafka
        “Emma”; Jane Austen
        Emma – a novel; Jane Austen
        Emma’s book; Jane Austen €5
        La regenta; Leopoldo Alas «Clarín»
        Cien años de soledad; Gabriel García Márquez
        Señor; Á
        Dom Casmurro – edição; Machado de Assis
        São Bernardo; Graciliano Ramos
        Les Misérables; Victor Hugo
        Œuvres complètes; Molière
        Die Räuber; Schiller
        Röda rummet; August Strindberg
        Sult; Knut Hamsun, på norsk
        Brønden; Søren
        Njáls saga; Höfundur óþekktur
        Così è (se vi pare); Luigi Pirandello
        Perché no; Italo
        Het achterhuis – café; Anne Frank
        ¿Quién?; Anónimo
        Curaçao; X
        Das Schloß; Kafka, 12 €
        Peñas arriba; Pereda
        La Celestina; Fernando de Rojas, 1ª ed.
        MÉMOIRES; FRANÇOIS
        Tom’s “best” café; Zoë
        La ciudad y los perros – edición; Mario Vargas Llosa
        Niño; Muñoz
        À la recherche du temps perdu; Marcel Proust
        L'Étranger; Camus, très bon état
        Le père Goriot; Balzac
        Die Verwandlung – für 12 €; Kafka
        Steppenwolf; “Hesse”
        Memórias póstumas de Brás Cubas; Machado
        Os Maias; Eça de Queirós
        A paixão segundo G.H.; Clarice Lispector
        Il fu Mattia Pascal; Pirandello, già letto, perciò
        Doktor Glas; Hjalmar Söderberg, på svenska
        Fru Marie Grubbe; J. P. Jacobsen, første udgave
        Sjálfstætt fólk; Halldór Laxness
        De ontdekking van de hemel; Harry Mulisch, één
        What’s left; O’Brien
        Naïve. Super; Erlend Loe
        Brontë’s letters; Charlotte Brontë
        Cœur; Hervé
        Crème brûlée; Chloë
        Le Petit Prince; Saint-Exupéry, première édition
        Germinal; Émile Zola
        Notre-Dame de Paris; Victor Hugo, reliure abîmée
        Vingt mille lieues sous les mers; Jules Verne, 2ème main
        La Peste; Albert Camus, légèrement jauni
        Les Fleurs du mal; Baudelaire, très belle édition
        Anaïs Nin: Journal; Anaïs Nin
        El Quijote; Miguel de Cervantes, edición de bolsillo
        La sombra del viento; Carlos Ruiz Zafón
        Rayuela; Julio Cortázar, pequeñas manchas
        El año de la muerte; Saramago, traducción
        Crónica de una muerte; Gabriel García Márquez
        La casa de Bernarda; Lorca, señales de uso
        Ensaio sobre a cegueira; José Saramago, edição portuguesa
        O Primo Basílio; Eça de Queiroz
        Não me abandones; Ishiguro, coleção
        Livro do desassossego; Fernando Pessoa, 3ª edição
        Il nome della rosa; Umberto Eco, più usato
        La coscienza di Zeno; Italo Svevo, perché sì
        Se questo è un uomo; Primo Levi
        Cent'anni di solitudine; García Márquez, città
        Der Vorleser; Bernhard Schlink, für Schüler
        Die Blechtrommel; Günter Grass
        Das Parfüm; Patrick Süskind
        Faust; Goethe, schöne Ausgabe
        Buddenbrooks; Thomas Mann, Rücken beschädigt
        Pippi Långstrump; Astrid Lindgren
        Män som hatar kvinnor; Stieg Larsson
        Hunger; Knut Hamsun, på dansk
        Smilla; Peter Høeg
        Kristin Lavransdatter; Sigrid Undset, år 1920
        Sofies verden; Jostein Gaarder, første utgave
        Tove; Tove Jansson, hyvä kunto, käytetty
        Seitsemän veljestä; Aleksis Kivi
        De aanslag; Harry Mulisch, geïllustreerd
        Max Havelaar; Multatuli, één deel
        Zoë's café; Noël Coward
        Façade; Edith Sitwell
        Jane Eyre; Charlotte Brontë
        Mémoires d'Hadrien; Marguerite Yourcenar
        Bel-Ami; Maupassant, où est-il
        Le Rouge et le Noir; Stendhal, goût
        Solitud; Víctor Català
        Mirall trencat; Mercè Rodoreda, coberta
    """,
    "mac_roman": """
        L'Été à la forêt; René Çé
        Cien años de soledad; Gabriel García Márquez
        Die Räuber; Schiller
        Les Misérables; Victor Hugo
        “Emma”; Jane Austen
    """,
    "cp850": """
        Cien años de soledad; Gabriel García Márquez
        Die Räuber; Schiller
        Les Misérables; Victor Hugo
    """,
}  # fmt: skip
# Their words stand nearest to what western ones look like in their encoding.
CENTRAL = """
    Krysař; Viktor Dyk
    Kytice; Karel Jaromír Erben
    Třináctá komnata; Jiří Šotola
    Večer; Černý, dvě části
    Zločin a trest; Dostojevskij, překlad
    Vŕba; Milan Rúfus, stĺp
    Rivers; Ján Kalinčiak, hĺbka
    Tisícročná včela; Peter Jaroš
    Pan Wołodyjowski; Sienkiewicz, twarda okładka
    Cesarz; Ryszard Kapuściński
    Dziady; Mickiewicz, część III
    Koń; Gdańsk
    Żółw; Bydgoszcz, stan dobry
    Enigma Otiliei; George Călinescu
    Baltagul; Mihail Sadoveanu, ediţie nouă
    Maitreyi; Mircea Eliade, pagini îngălbenite
    Alamut; Vladimir Bartol, črna barva
    Martin Krpan; Fran Levstik, četrta izdaja
    Hiša; Drago Jančar
    Zločin i kazna; Dostojevski, očuvano
    Tri; Tolstoj, trči
    A Mester és Margarita; Bulgakov, fordító
    Abigél; Szabó Magda
    Ének; Őrült
    Légy jó mindhalálig; Móricz Zsigmond
    Kŕdeľ vrán; Slovák
    Vŕšok; Tŕň, mŕtvy
    Jabĺčko; Vĺčik
    Stĺpy; Hviezdoslav
    Šťastný princ; Wilde
    Děti z Bullerbynu; Lindgrenová
    Sněhurka; Grimm
    Měsíc nad řekou; Fráňa Šrámek
    Řeka; Kúdela
    Občrtan; Ljubljana
    Začrtana pot; Maribor
    Črtomir in Bogomila; Prešeren
    Krst pri Savici; France Prešeren, platnice
    Meč; Praha
    Proč ne; Brno, dobrý
    Skočme; Mlčme, klečme
    Hře; Dům
    Na konci města; Kohout, půl
    Dům o tisíci patrech; Jan Weiss, důkaz
    Stůl; Kůň
    Slońce; Poznań
    Dzień; Łódź, słoń
    Bańka; Kraków
    Mań; Wałbrzych
    Tăcere; Iaşi
    Băiatul; Cluj, copilărie
    Două loturi; Caragiale, fără copertă
    Tűz; Győr
    Bűn és bűnhődés; Dosztojevszkij
    Előűző; Szeged
    Ďábel; Ďaleko
    Hoď; Loďka
    Odpověď; buď
    Leď; Teďka
    Maďarsko; Maďar
    Žluťoučký kůň; Praha
    Přestávka; Říp
"""
# Two languages have these letters, and which of them it is no line of the file tells.
AMBIGUOUS = ("Metų laikai", "Uguns un nakts", "雪国; 川端康成")


def _files(encoding: str) -> list[str]:
    """Return files of one line, and of two that stand beside each other above."""
    books = [line.strip() for line in BOOKS[encoding].strip().splitlines()]
    some = chain([(book,) for book in books], pairwise(books))
    return ["".join(f"{line};5;Good\n" for line in lines) for lines in some]


@pytest.mark.parametrize("encoding", BOOKS)
def test_a_short_file_is_read_right_or_doubted(encoding: str) -> None:
    silent, wrong = [], []
    for text in _files(encoding):
        content = f"{HEAD}\n{text}".encode(encoding)
        found = encodings.decide(lambda content=content: io.BytesIO(content))  # type: ignore[misc]
        read = content.decode(found.name).partition("\n")[2]
        if read == text:
            continue
        wrong += [] if text.startswith(AMBIGUOUS) else [read]
        silent += [] if any(map(found.doubts, read.splitlines())) else [read]
    assert silent == []
    assert wrong == []


def _read(line: str, encoding: str) -> tuple[bool, bool]:
    """Tell whether a file of one line is read right, and whether it is said to be doubtful."""
    content = f"{HEAD}\n{line.strip()};5;Good\n".encode(encoding)
    found = encodings.decide(lambda: io.BytesIO(content))
    read = content.decode(found.name)
    return read == content.decode(encoding), any(map(found.doubts, read.splitlines()))


def test_one_western_line_is_seldom_doubted() -> None:
    read = [_read(line, "cp1252") for line in BOOKS["cp1252"].strip().splitlines()]
    assert all(right for right, _doubted in read)
    assert sum(doubted for _right, doubted in read) <= 0.15 * len(read)


def test_one_line_of_central_europe_is_not_read_as_western_without_a_doubt() -> None:
    lines = CENTRAL.strip().splitlines()
    assert [line for line in lines if _read(line, "cp1250") == (False, False)] == []

"""The inventory file: what is accepted, and the sentence that each mistake gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from bookstore.settings import Settings
from provisioning.errors import OperatorError
from provisioning.inventory import check_files, check_secrets, load
from provisioning.inventory.settings import names

EXAMPLE = Path(__file__).parents[3] / "provisioning" / "examples" / "ec2.toml"


def write(folder: Path, *changes: tuple[str, str]) -> Path:
    """Write the example with some text replaced."""
    text = EXAMPLE.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "cluster.toml"
    path.write_text(text)
    return path


def test_the_example_is_valid() -> None:
    inventory = load(EXAMPLE)
    assert [h.name for h in inventory.managers] == ["host-a"]
    assert [h.is_edge for h in inventory.host] == [True, False, False]
    assert {h.jump for h in inventory.host} == {"bastion"}
    assert inventory.cluster.storage_path == "/srv/bookstore"


def test_files_are_named_relative_to_the_inventory(tmp_path: Path) -> None:
    inventory = load(write(tmp_path))
    assert inventory.secrets["secret_key"] == tmp_path / "secrets" / "secret_key"


def test_a_domain_is_one_however_it_is_written(tmp_path: Path) -> None:
    made = load(write(tmp_path, ('"books.example.com"', '"Books.Example.COM"')))
    assert made.cluster.domain == "books.example.com"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("domain =", "domian =", '[cluster] knows no "domian". Did you mean "domain"?'),
        ("domain =", "domian =", "[cluster] lacks domain"),
        ('"manager"', '"boss"', "[[host]] host-a: role must be 'manager' or 'worker'"),
        ('"books.example.com"', '"https://x"', "is no domain name: write it as books.example.com"),
        ("[3, 12]", "[9, 2]", "[least, most]"),
        ('"nfs4:fs', '"smb:fs', 'neither "nfs4:HOST:/PATH"'),
        ("ssh-ed25519 A", "ssh-rsa A", "pin an ed25519 key"),
        ('name = "host-b"', 'name = "host-a"', 'Two hosts have the name "host-a"'),
        ('jump = "bastion"', 'jump = "bastoin"', 'Did you mean "bastion"?'),
        ('"worker"', '"manager"', "2 hosts have the role manager: use 1, 3, 5 or 7"),
        ('"10.0.1.10"', '"host-a.test"', "add private_address"),
        ('"10.0.1.10"', '"2001:db8::1"', "2001:db8::1 is none: add private_address"),
        ('"10.0.1.10"', '"10.200.1.10"', "lies in overlay_pool 10.200.0.0/16"),
        ("[secrets]", "[secrets]\ndatabase_url = 'x'", "database_url_file, not under [secrets]"),
        ("[ssh]", "[node_group]\nprovider = 'gcp'\n[ssh]", "must be 'ec2' or 'rehearsal'"),
        ("[ssh]", "[node_group]\nsize = [3, 2]\n[ssh]", "[fewest, most], from 0 to 100"),
        ("[ssh]", "[node_group]\nsise = [1, 2]\n[ssh]", 'Did you mean "size"?'),
        ("[ssh]", "[node_group]\nprovider = 'ec2'\nsize = [1, 2]\n[ssh]", "name and region"),
    ],
)
def test_a_mistake_gets_a_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(OperatorError) as refusal:
        load(write(tmp_path, (old, new)))
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[[jump]]", "[jump]", "Write [[jump]], in two pairs of brackets"),
        ("[cluster]", "[[cluster]]", "Write [cluster], in one pair of brackets"),
        ("[ssh]", "[[ssh]]", "Write [ssh], in one pair of brackets"),
        ("[3, 12]", "[3]", "[cluster]: replicas must be two values, not [3]"),
        ("[3, 12]", "[3, 4, 5]", "[cluster]: replicas must be two values, not [3, 4, 5]"),
        ("[3, 12]", "['a', 4]", "[cluster]: replicas must be whole numbers, not 'a'"),
        ("[3, 12]", "[3, 4.5]", "[cluster]: replicas must be whole numbers, not 4.5"),
        ("[ssh]", "[ssh]\nport = 'x'", "port must be a whole number, not 'x'"),
        ("[ssh]", "[node_group]\nname = 'x'\n[ssh]", "[node_group] lacks size"),
        ("[ssh]", '[backup]\nto = "x"\nrecipients = [1]\n[ssh]', "recipients must be text in"),
        ("[3, 12]", '"3"', "[cluster]: replicas must be a list in brackets, not '3'"),
        ("[ssh]", '[backup]\nto = "x"\nrecipients = "age1"\n[ssh]', "recipients must be a list"),
        ('"books.example.com"', "2026-11-25", "[cluster]: domain must be text in quotes, not 2026"),
        ("[secrets]", "[secrets]\nBad-Key = 'x'", '[secrets]: "Bad-Key" is no name of a secret'),
        ("[ssh]", "[settings]\ndemo = [1]\n[ssh]", "demo must be text, a number, true or false"),
        ("ssh-ed25519 A", "ssh-ed25519 Ä", "pin an ed25519 key"),
        ("/.ssh/", "nobody-has-this-name/.ssh/", "~nobody-has-this-name/.ssh/"),
        ('"secrets/secret_key"', '"~nobody-has-this-name/k"', "has no home folder here"),
    ],
)
def test_a_table_or_value_of_another_kind_gets_a_sentence(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(OperatorError) as refusal:
        load(write(tmp_path, (old, new)))
    assert said in str(refusal.value)
    assert "Input should" not in str(refusal.value)
    assert "tuple" not in str(refusal.value)


def test_a_mistake_in_a_host_is_not_said_to_be_no_host(tmp_path: Path) -> None:
    with pytest.raises(OperatorError) as refusal:
        load(write(tmp_path, ('role = "manager"', 'role = "Manager"')))
    assert str(refusal.value).count("\n") == 1


@pytest.mark.parametrize(
    "change",
    [
        ('zone = "eu-west-1a"', 'zone = "eu-west-1a"\nprivate_address = "10.0.2.10"'),
        ('"10.0.1.10"', '"10.0.2.10"'),
    ],
)
def test_two_hosts_of_one_address_in_the_swarm_are_one(
    tmp_path: Path, change: tuple[str, str]
) -> None:
    with pytest.raises(OperatorError, match=r'Two hosts have the .*address "10\.0\.2\.10'):
        load(write(tmp_path, change))


def test_what_an_editor_of_windows_writes_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "cluster.toml"
    path.write_bytes(EXAMPLE.read_text().replace("\n", "\r\n").encode("utf-8-sig"))
    assert load(path).host == load(EXAMPLE).host
    path.write_bytes(EXAMPLE.read_bytes().decode().encode("utf-16"))
    with pytest.raises(OperatorError, match="Save it as UTF-8"):
        load(path)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path, ("domain =", "domian ="), ('"manager"', '"boss"'))
    with pytest.raises(OperatorError) as refusal:
        load(path)
    assert len(str(refusal.value).splitlines()) == 4


def test_a_missing_inventory_says_where_to_begin(tmp_path: Path) -> None:
    with pytest.raises(OperatorError, match=r"Copy provisioning/examples/ec2\.toml there"):
        load(tmp_path / "none.toml")


def test_secret_files_must_be_there_and_private(tmp_path: Path) -> None:
    inventory = load(write(tmp_path))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "secret_key").write_text("secret")
    (tmp_path / "secrets" / "secret_key").chmod(0o644)
    with pytest.raises(OperatorError) as refusal:
        check_files(inventory)
    assert "Everybody may read the secret file" in str(refusal.value)
    with pytest.raises(OperatorError, match=r"database_url is to come from .* Whoever deployed"):
        check_secrets(inventory)


URL = "mysql://shop:pass@db.internal:3306/bookstore"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (URL.encode(), ""),
        (f"{URL}\r\n".encode(), ""),
        (URL.replace("mysql", "mysql+asyncmy").encode() + b"?ssl_ca=/run/secrets/ca\n", ""),
        (URL.encode("utf-8-sig"), "no plain text"),
        (URL.encode("utf-16"), "no plain text"),
        (b"mysql://shop:p\xe9ss@db/bookstore", "no plain text"),
        (b" \r\n", "that file is empty"),
        (f"{URL}\n{URL}\n".encode(), "not one line mysql://"),
        (f"BOOKSTORE_DATABASE_URL={URL}\n".encode(), "not one line mysql://"),
        (b"postgres://shop:pass@db/bookstore", "not one line mysql://"),
    ],
)
def test_a_secret_that_an_editor_has_spoilt_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    inventory = load(write(tmp_path))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/secret_key").write_text("of thirty-two signs and no fewer ones")
    (tmp_path / "secrets/database_url").write_bytes(content)
    if not said:
        check_secrets(inventory)
        return
    with pytest.raises(OperatorError) as refusal:
        check_secrets(inventory)
    assert said in str(refusal.value)
    assert "pass" not in str(refusal.value)


def test_an_unknown_host_gets_the_nearest_name() -> None:
    with pytest.raises(OperatorError, match=r'Did you mean "host-a"\?'):
        load(EXAMPLE).named("hosta")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('storage = "nfs4:', 'storage = "path:/srv;reboot" #'),
        ('storage = "nfs4:', 'storage = "path:/srv$(reboot)" #'),
        ('storage = "nfs4:', 'storage = "path:/srv\'x" #'),
        ("[ssh]", 'mirror = "x;reboot"\n[ssh]'),
        ("[ssh]", 'mirror = "https://x"\n[ssh]'),
        ('load_balancer = ["', 'load_balancer = ["10.0.0.1; reboot", "'),
        ("[ssh]", 'insecure_registries = ["a b"]\n[ssh]'),
        ('acme_email = "', 'acme_email = "`reboot`'),
        ("[ssh]", '[settings]\nlog_level = "LOUD"\n[ssh]'),
    ],
)
def test_what_would_reach_a_shell_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = EXAMPLE.read_text()
    assert old in text
    head, _, tail = text.partition(old)
    # Keys of [cluster] are added to its table.
    if old == "[ssh]" and not new.startswith("[settings]"):
        key, _, rest = new.partition("\n")
        head, new = head.replace("[cluster]\n", f"[cluster]\n{key}\n", 1), rest
    (tmp_path / "cluster.toml").write_text(head + new + tail)
    with pytest.raises(OperatorError, match="has mistakes"):
        load(tmp_path / "cluster.toml")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('currency = "XTS"', "[settings]: currency: it takes the code"),
        ('log_level = "LOUD"', "[settings]: log_level: it takes DEBUG, INFO"),
        (
            "hold_minuts = 5",
            '[settings]: there is no setting "hold_minuts". Did you mean "hold_minutes"',
        ),
        ("hold_minutes = -1", "[settings]: hold_minutes: "),
        ('server = "gunicorn"', "[settings]: server: "),
        ('public_origin = "https://x"', "[settings]: public_origin is set by domain under"),
        ('secret_key = "x"', "[settings]: secret_key is set by secret_key under [secrets]"),
        ('smtp_url = "file:x"', "[settings]: smtp_url is set by smtp_url under [secrets]"),
        ('orders_database_url = "x"', "[settings]: orders_database_url is set by"),
        ('bind = "0.0.0.0:1"', "[settings]: bind is set by the stack files"),
    ],
)
def test_a_wrong_setting_of_the_shop_gets_a_sentence(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(OperatorError) as refusal:
        load(write(tmp_path, ("[ssh]", f"[settings]\n{line}\n[ssh]")))
    assert said in str(refusal.value)


def test_settings_are_not_taken_from_the_operators_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BOOKSTORE_CURRENCY", "nonsense")
    inventory = load(write(tmp_path, ("[ssh]", "[settings]\nhold_minutes = 20\n[ssh]")))
    assert inventory.settings == {"hold_minutes": 20}


def test_no_secret_of_the_shop_may_stand_in_the_inventory() -> None:
    fields = Settings.model_json_schema()["properties"]
    hidden = {name for name, said in fields.items() if "writeOnly" in str(said)}
    assert "secret_key" in hidden
    assert hidden.isdisjoint(names())

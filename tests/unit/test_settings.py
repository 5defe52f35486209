"""Settings: file, environment, flags, and the sentence for what cannot be used."""

import os

import pytest

from mailserver.settings import loading
from mailserver.settings.loading import SettingsProblem


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in [name for name in os.environ if name.startswith("MAILSERVER_")]:
        monkeypatch.delenv(name)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    return monkeypatch


def config(tmp_path, text):
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def test_later_sources_win(tmp_path, bare):
    path = config(tmp_path, 'hostname = "File.Test."\n[queue]\nremote_port = 1\nconcurrency = 7\n')
    assert loading.load(path).hostname == "file.test"
    bare.setenv("MAILSERVER_QUEUE__REMOTE_PORT", "2")
    bare.setenv("MAILSERVER_SMTP__MX_LISTEN", '["127.0.0.1:0"]')
    loaded = loading.load(path)
    assert (loaded.queue.remote_port, loaded.queue.concurrency) == (2, 7)
    assert loaded.smtp.mx_listen == ("127.0.0.1:0",)
    assert loading.load(path, hostname="flag.test").hostname == "flag.test"


def test_the_environment_names_the_file(tmp_path, bare):
    bare.setenv("MAILSERVER_CONFIG", str(config(tmp_path, 'hostname = "env.test"')))
    assert loading.load().hostname == "env.test"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('hostnam = "x"', r"The key hostnam in .*config.toml is not known. Did you mean hostname\?"),
        ("[smpt]\nx = 1", r"smpt .*Did you mean smtp\?"),
        ("[smtp]\nmx_listn = []", r"smtp.mx_listn .*Did you mean smtp.mx_listen\?"),
        ("[limits]\nrecipients = 3", r"limits.recipients .*greater than or equal to 100"),
        ("[limits]\nrecipients = 'many'", r"limits.recipients .*cannot be used"),
        ("smtp = 3", r"smtp .*cannot be used"),
        ("hostname = ", r"is not TOML"),
        ("[storage]\ndatabase = 'postgresql://x'", r"only \"sqlite\""),
        ("[storage]\njournal_segment_bytes = 1048576\nspool_threshold_bytes = 1048576", r"journal_segment_bytes"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_key_and_the_near_one(tmp_path, text, sentence):
    with pytest.raises(SettingsProblem, match=sentence):
        loading.load(config(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MAILSERVER_HOSTNAM", "x", r"MAILSERVER_HOSTNAM is not known. Did you mean MAILSERVER_HOSTNAME\?"),
        ("MAILSERVER_QUEUE__REMOTE_PROT", "2", r"Did you mean MAILSERVER_QUEUE__REMOTE_PORT\?"),
        ("MAILSERVER_QUEUE__REMOTE_PORT", "no", r"queue.remote_port .*cannot be used"),
        ("MAILSERVER_SMTP__MX_LISTEN", "0.0.0.0:25", r"SMTP__MX_LISTEN.*JSON|smtp.*JSON"),
    ],
)
def test_a_wrong_environment_is_named(bare, name, value, sentence):
    bare.setenv(name, value)
    with pytest.raises(SettingsProblem, match=sentence):
        loading.load()


def test_a_missing_file_says_so(tmp_path):
    with pytest.raises(SettingsProblem, match="does not exist"):
        loading.load(tmp_path / "nothing.toml")


def test_the_smarthost_password_comes_from_a_credential_or_a_named_file(tmp_path, bare):
    (tmp_path / "smarthost_password").write_text("from systemd\n")
    bare.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert loading.load().queue.smarthost_password.get_secret_value() == "from systemd"
    (tmp_path / "other").write_text("from file")
    bare.setenv("MAILSERVER_QUEUE__SMARTHOST_PASSWORD_FILE", str(tmp_path / "other"))
    loaded = loading.load()
    assert loaded.queue.smarthost_password.get_secret_value() == "from file"
    assert "from file" not in repr(loaded)
    bare.setenv("MAILSERVER_QUEUE__SMARTHOST_PASSWORD_FILE", str(tmp_path / "missing"))
    with pytest.raises(SettingsProblem, match="cannot be read"):
        loading.load()


def test_systemd_says_where_data_and_sockets_lie(tmp_path, bare):
    bare.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    assert loading.load().data_dir == tmp_path / "state"
    assert loading.load().runtime_dir == tmp_path / "state"
    bare.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    assert loading.load().runtime_dir == tmp_path / "run"


def test_every_key_has_a_place_in_the_list():
    keys = loading.keys()
    assert keys["queue.remote_port"] == 25
    assert "limits.recipients" in keys


def test_the_token_of_the_metrics_stands_in_a_file_or_a_credential_and_is_never_shown(monkeypatch, tmp_path):
    path = tmp_path / "metrics_token"
    path.write_text("sixteen letters or more\n")
    monkeypatch.setenv("MAILSERVER_HTTP__METRICS_TOKEN_FILE", str(path))
    named = loading.load()
    monkeypatch.delenv("MAILSERVER_HTTP__METRICS_TOKEN_FILE")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    for settings in (named, loading.load()):
        assert settings.http.metrics_token is not None
        assert settings.http.metrics_token.get_secret_value() == "sixteen letters or more"
        assert "sixteen" not in repr(settings)
    path.write_text("short")
    with pytest.raises(SettingsProblem, match=r"http\.metrics_token"):
        loading.load()

"""What an operator sees of a node: certificates, logs, metrics, configuration read anew."""

import asyncio
import datetime as dt
import gzip
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.wings.conftest import TOKEN, UUID, Daemon, MakeDaemon, free_port

from rookery.protocol.problems import Invalid
from rookery.wings.certificates import Certificates
from rookery.wings.config import ConfigFile, Own, Tls, encode, parse
from rookery.wings.logs import Sink

pytestmark = pytest.mark.anyio


def certificate(folder: Path, name: str) -> Tls:
    """Certificate and key for `name` as the files `cert.pem` and `key.pem`."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(raw)
    return Tls(enabled=True, cert=str(folder / "cert.pem"), key=str(folder / "key.pem"))


async def shown(port: int) -> str:
    """The name in the certificate a listener shows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    found = x509.load_der_x509_certificate(writer.get_extra_info("ssl_object").getpeercert(binary_form=True))
    writer.close()
    return str(found.subject.get_attributes_for_oid(x509.OID_COMMON_NAME)[0].value)


async def test_a_renewed_certificate_is_shown_without_a_restart(tmp_path: Path) -> None:
    certificates, port = Certificates(certificate(tmp_path, "old.example")), free_port()

    async def end(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(end, "127.0.0.1", port, ssl=certificates.context):
        assert await shown(port) == "old.example"
        (tmp_path / "cert.pem").write_text("half a certif")
        certificates.renew()
        assert await shown(port) == "old.example"
        certificate(tmp_path, "new.example")
        certificates.renew()
        assert await shown(port) == "new.example"


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"nothing\.pem"):
        Certificates(Tls(enabled=True, cert=str(tmp_path / "nothing.pem"), key=str(tmp_path / "nothing.pem")))


def test_a_log_that_grew_is_packed_and_writing_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sink = Sink(tmp_path / "wings.log", rotate=True, limit=1000)
    for number in range(100):
        sink.write(f"line {number} {'x' * 30}\n")
        sink.flush()
    sink.close()
    packed = sorted(tmp_path.glob("wings.log-*.gz"))
    lines = [line for each in packed for line in gzip.decompress(each.read_bytes()).decode().splitlines()]
    lines += (tmp_path / "wings.log").read_text().splitlines()
    assert len(packed) > 2
    assert sorted(int(line.split()[1]) for line in lines) == list(range(100))
    assert capsys.readouterr().out.count("\n") == 100


def test_a_log_moved_away_is_opened_anew(tmp_path: Path) -> None:
    sink = Sink(tmp_path / "wings.log", rotate=False, limit=1)
    sink.write("before\n")
    sink.flush()
    (tmp_path / "wings.log").rename(tmp_path / "old")
    sink.reopen()
    sink.write("after\n")
    sink.close()
    assert ((tmp_path / "old").read_text(), (tmp_path / "wings.log").read_text()) == ("before\n", "after\n")


def test_a_changed_configuration_is_taken_and_a_broken_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_text("token: one\napi: {upload_limit: 5}\n")
    file = ConfigFile.read(path)
    path.write_text("token: two\napi: {upload_limit: 7}\n")
    file.reload()
    assert (file.current.token, file.current.api.upload_limit) == ("two", 7)
    path.write_text("api: {upload_limit: many}\n")
    with pytest.raises(Invalid, match=r"api\.upload_limit"):
        file.reload()
    assert file.current.api.upload_limit == 7


def test_keys_of_our_own_are_written_only_when_set() -> None:
    assert "rookery" not in encode(parse("token: one\n"))
    assert parse("rookery: {metrics_token: m}\n").rookery == Own(metrics_token="m")
    assert encode(parse("rookery: {metrics_token: m}\n"))["rookery"]["metrics_token"] == "m"


async def test_figures_for_prometheus_need_a_token(make_daemon: MakeDaemon) -> None:
    daemon = await make_daemon(rookery={"metrics_token": "m" * 20})
    await daemon.power("start", "running")
    assert daemon.http is not None
    for header, status in (("", 401), ("Bearer x", 403), (f"Bearer {TOKEN}", 200), (f"Bearer {'m' * 20}", 200)):
        async with daemon.http.get("/metrics", headers={"Authorization": header}) as answer:
            text = await answer.text()
            assert answer.status == status
    assert 'rookery_wings_servers{state="running"} 1' in text
    assert f'rookery_server_up{{server="{UUID}"}} 1' in text
    families = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(families) == len(set(families)) > 10
    status, _ = await daemon.call("GET", "/api/servers", headers={"Authorization": f"Bearer {'m' * 20}"})
    assert status == 403


async def test_a_balancer_needs_no_token(daemon: Daemon) -> None:
    assert await daemon.call("GET", "/health", headers={"Authorization": ""}) == (200, {"status": "ok"})


async def test_a_user_who_lost_their_rights_is_out_and_others_stay(daemon: Daemon) -> None:
    other = "22222222-0000-4000-8000-00000000000b"
    async with daemon.view("websocket.connect") as gone, daemon.view("websocket.connect", sign_in=False) as stays:
        await stays.sign_in(daemon.token("websocket.connect", user_uuid=other, jti="2" * 32))
        body = {"user": "1d2c3b4a-0000-4000-8000-00000000000a", "servers": [UUID]}
        assert (await daemon.call("POST", "/api/deauthorize-user", body))[0] == 204
        async with asyncio.timeout(3):
            while not gone.ws.closed:
                await gone.ws.receive()
        await stays.send("send stats")
        await stays.until("stats")
    async with daemon.view(sign_in=False) as again:
        await again.send("auth", daemon.token("websocket.connect", iat=int(asyncio.get_running_loop().time())))
        assert "denylist" in (await again.until("jwt error"))[0]


async def test_a_scope_can_be_required(make_daemon: MakeDaemon) -> None:
    from tests.wings.conftest import signed

    daemon = await make_daemon(rookery={"require_scope": True})
    await daemon.call("POST", f"/api/servers/{UUID}/files/write?file=a.txt", data=b"hello")
    claims = {"exp": 1 << 33, "iat": 1 << 31, "server_uuid": UUID, "file_path": "a.txt"}
    without = signed({**claims, "unique_id": "1"})
    within = signed({**claims, "unique_id": "2", "scope": "file-download"})
    assert (await daemon.call("GET", f"/download/file?token={without}"))[0] == 404
    assert (await daemon.call("GET", f"/download/file?token={within}"))[0] == 200

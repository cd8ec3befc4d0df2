"""Encryption at rest in the original's form, and its password hashes."""

import pytest

from rookery.panel.secrets import Encrypter, Unreadable, hash_password, password_fits

pytestmark = pytest.mark.anyio
KEY = "base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
VECTOR = (
    "eyJpdiI6IitXcE5iRzNYODJ0a0Q5MTNmZUtLRVE9PSIsInZhbHVlIjoicjAxZ3hQTmxpcmpkN1A5cUFsN0p1dz09IiwibWFjIjoiYTZhZjg1MzAxY2"
    "Y1NDZlMTA2Y2I3YmM4Y2ZjYTExMjU0N2FiNmVhNzIzOGM3NWM1OGRiYjFlMTk5Mjg4NDE3YyIsInRhZyI6IiJ9"
)


def test_a_value_of_the_original_is_read() -> None:
    assert Encrypter(KEY).decrypt(VECTOR) == "hunter2"


def test_a_value_goes_there_and_back_and_looks_different_each_time() -> None:
    encrypter = Encrypter(KEY)
    one, other = encrypter.encrypt("grüße"), encrypter.encrypt("grüße")
    assert one != other
    assert encrypter.decrypt(one) == encrypter.decrypt(other) == "grüße"


@pytest.mark.parametrize("stored", ["", "nonsense", VECTOR[:-8], VECTOR.replace("a", "b")])
def test_a_damaged_value_is_not_read(stored: str) -> None:
    with pytest.raises(Unreadable):
        Encrypter(KEY).decrypt(stored)


def test_another_key_does_not_read_it() -> None:
    with pytest.raises(Unreadable):
        Encrypter("base64:" + "A" * 43 + "=").decrypt(VECTOR)


async def test_a_hash_has_phps_spelling_and_fits_its_password_only() -> None:
    stored = await hash_password("p" * 100, 4)
    assert stored.startswith("$2y$04$")
    assert await password_fits("p" * 100, stored)
    assert not await password_fits("q", stored)
    assert not await password_fits("p", "no hash")

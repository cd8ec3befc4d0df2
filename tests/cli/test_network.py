"""The network of an instance overlaps nothing this machine uses."""

import ipaddress

import pytest

from rookery.cli import network
from rookery.cli.trouble import Trouble

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010012AC\t0003\t0\t0\t0\t00000000\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
eth0\t000012AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_routes_are_read_from_the_kernels_table_without_the_default_one() -> None:
    assert [str(found) for found in network.used_by_routes(ROUTES)] == ["172.17.0.0/16", "172.18.0.0/16"]


def test_networks_of_the_engine_are_those_with_a_subnet() -> None:
    answer = [
        {"IPAM": {"Config": [{"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}, {"Subnet": "fd00::/64"}]}},
        {"IPAM": {"Config": None}},
    ]
    assert network.used_by_engine(answer) == [ipaddress.IPv4Network("172.18.0.0/16")]


def test_the_first_free_subnet_is_taken() -> None:
    used = [ipaddress.IPv4Network("172.18.4.0/24"), ipaddress.IPv4Network("172.19.0.0/16")]
    assert str(network.free_subnet(used)) == "172.20.0.0/16"


def test_a_machine_that_uses_everything_is_told_so() -> None:
    with pytest.raises(Trouble):
        network.free_subnet([ipaddress.IPv4Network("0.0.0.0/0")])


def test_a_subnet_of_version_six_is_local_and_another_each_time() -> None:
    first, second = network.free_subnet_v6(), network.free_subnet_v6()
    assert first != second
    assert first.subnet_of(ipaddress.IPv6Network("fc00::/7"))

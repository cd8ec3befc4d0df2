"""Each instance has a container network of its own."""

import ipaddress
import os
from pathlib import Path

import pytest

from rookery.cli import network
from rookery.cli.engine import DEFAULT_HOST, Engine


def test_a_network_is_named_after_the_directory_of_its_instance() -> None:
    one, other = network.name_of(Path("/srv/one")), network.name_of(Path("/srv/other"))
    assert one == network.name_of(Path("/srv/one"))
    assert one != other


def test_a_network_is_described_with_and_without_version_six() -> None:
    four = {"Subnet": "172.18.0.0/16", "Gateway": "172.18.0.1"}
    six = {"Subnet": "fd00::/64", "Gateway": "fd00::1011"}
    both = network.described({"Name": "one", "IPAM": {"Config": [six, four]}})
    assert both == network.Network("one", "172.18.0.0/16", "172.18.0.1", "fd00::/64", "fd00::1011")
    assert network.described({"Name": "one", "IPAM": {"Config": [{"Subnet": "10.0.0.0/8"}]}}).gateway == "10.0.0.1"


def test_a_subnet_of_version_six_is_local_and_another_each_time() -> None:
    first, second = network.random_subnet_v6(), network.random_subnet_v6()
    assert first != second
    assert first.subnet_of(ipaddress.IPv6Network("fc00::/7"))


@pytest.mark.engine
def test_two_instances_get_networks_that_do_not_overlap_and_keep_them() -> None:
    docker = Engine(DEFAULT_HOST)
    names = [network.name_of(Path(f"/tmp/test-{os.getpid()}-{number}")) for number in range(2)]
    try:
        made = [network.ensure(docker, name) for name in names]
        first, second = (ipaddress.ip_network(each.subnet) for each in made)
        assert not first.overlaps(second)
        assert [network.ensure(docker, name) for name in names] == made
    finally:
        for name in names:
            docker.delete(f"/networks/{name}")

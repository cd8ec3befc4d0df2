"""Sentences about broken rules, in our words."""

from typing import Any

from rookery.panel.validation.rules import Rule

_PLAIN = {
    "required": "is required",
    "present": "must be sent",
    "filled": "must not be empty",
    "accepted": "must be accepted",
    "string": "must be text",
    "array": "must be a list",
    "boolean": "must be true or false",
    "numeric": "must be a number",
    "integer": "must be a whole number",
    "regex": "has a form that is not allowed",
    "not_regex": "has a form that is not allowed",
    "in": "is not one of the possible values",
    "not_in": "is not one of the possible values",
    "alpha": "may only hold letters",
    "alpha_num": "may only hold letters and digits",
    "alpha_dash": "may only hold letters, digits, dashes and underscores",
    "url": "must be a web address",
    "email": "must be an e-mail address",
    "ip": "must be an IP address",
    "ipv4": "must be an IPv4 address",
    "ipv6": "must be an IPv6 address",
    "uuid": "must be a UUID",
    "json": "must be JSON text",
    "date": "must be a date",
    "lowercase": "must be in lower case",
    "uppercase": "must be in upper case",
    "p_username": "must begin and end with a letter or digit; dots, dashes and underscores may stand between",
    "confirmed": "does not match its confirmation",
    "unique": "is taken already",
    "exists": "does not exist",
}


def message(field: str, rule: Rule, value: Any, *, numeric: bool) -> str:
    """What is wrong with a field."""
    return sentence(field.replace("_", " "), rule, value, numeric=numeric)


def sentence(name: str, rule: Rule, value: Any, *, numeric: bool) -> str:
    """The same with a name of one's own."""
    arguments = rule.arguments
    unit = "" if numeric else " entries" if isinstance(value, list | dict) else " characters"
    match rule.name:
        case "max":
            tail = f"must not be more than {arguments[0]}{unit}"
        case "min":
            tail = f"must be at least {arguments[0]}{unit}"
        case "between":
            tail = f"must be between {arguments[0]} and {arguments[1]}{unit}"
        case "size":
            tail = f"must be exactly {arguments[0]}{unit}"
        case "digits":
            tail = f"must have {arguments[0]} digits"
        case "digits_between":
            tail = f"must have {arguments[0]} to {arguments[1]} digits"
        case "starts_with" | "ends_with":
            tail = f"must {'start' if rule.name == 'starts_with' else 'end'} with one of: {', '.join(arguments)}"
        case "gt" | "gte" | "lt" | "lte":
            words = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}
            tail = f"must be {words[rule.name]} {arguments[0]}"
        case "in" if 0 < len(arguments) <= 12:
            tail = f"must be one of: {', '.join(arguments)}"
        case _:
            tail = _PLAIN.get(rule.name, "is not valid")
    return f"The {name} {tail}."

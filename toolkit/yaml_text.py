"""Values as YAML on one line, for configuration files that are written with comments."""

from __future__ import annotations

import yaml
from yaml.representer import SafeRepresenter


class _Dumper(yaml.SafeDumper):
    """Writes the mappings and lists of a file that was read, which know their lines, too; never with anchors."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's signature
        """Return True: a value that occurs twice is written twice, without an anchor."""
        return True


_Dumper.add_multi_representer(dict, SafeRepresenter.represent_dict)
_Dumper.add_multi_representer(list, SafeRepresenter.represent_list)


def flow(value: object) -> str:
    """Return a value as YAML on one line, such as {type: magnum, port: /dev/ttyUSB0}."""
    text: str = yaml.dump(
        value, Dumper=_Dumper, default_flow_style=True, sort_keys=False, width=float("inf"), allow_unicode=True
    )
    return text.removesuffix("\n").removesuffix("\n...")

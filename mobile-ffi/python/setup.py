"""Puts what `cargo xtask bindings` made into the wheel: the generated module and the library that it loads.

Everything else about the package is in pyproject.toml. The folder of the bindings is MUSTER_BINDINGS, or where
`cargo xtask bindings` puts it by default.
"""

import os
import pathlib
import shutil

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

HERE = pathlib.Path(__file__).parent.resolve()
BINDINGS = pathlib.Path(os.environ.get("MUSTER_BINDINGS", HERE.parent.parent / "target" / "bindings"))


class WithBindings(build_py):
    def run(self):
        super().run()
        made = [path for path in (BINDINGS / "python").glob("*") if path.is_file()]
        if len(made) != 2:
            raise SystemExit(f"{BINDINGS / 'python'} does not hold the bindings: run `cargo xtask bindings` first")
        for path in made:
            shutil.copy(path, pathlib.Path(self.build_lib) / "muster" / path.name)


class ForThisPlatform(bdist_wheel):
    """One wheel a platform, for any Python 3: the library is loaded by ctypes and knows nothing of the interpreter."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"build_py": WithBindings, "bdist_wheel": ForThisPlatform})

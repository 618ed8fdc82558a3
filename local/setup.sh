#!/bin/sh
# The virtual environment: made, brought to the pinned versions, and tied to this checkout. Fast when nothing changed.
# Usage: local/setup.sh PYTHON
set -eu
python=${1:-python3}
cd "$(dirname "$0")/.."

stop() {
    printf '%s\n%s\n' "$1" "$2" >&2
    exit 1
}

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) ||
    stop "找不到 $python。請安裝 Python 3.11 以上版本，或以 PYTHON=… 指定執行檔。" \
         "There is no $python. Install Python 3.11 or newer, or name one: make run PYTHON=/path/to/python3"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
    stop "需要 Python 3.11 以上版本，$python 為 $version。請安裝新版，或以 PYTHON=… 指定執行檔。" \
         "Python 3.11 or newer is needed; $python is $version. Install one, or name it: make run PYTHON=python3.11"

# The stamp tells what the environment was made from: another checkout path, Python or pin makes it stale.
stamp="$PWD $version $(echo services/*) $(cksum < requirements/dev.txt) $(cksum < requirements/fonts.txt) $(cksum < local/setup.sh)"
if [ -x .venv/bin/python ] && [ "$(cat .venv/.ready 2>/dev/null || :)" = "$stamp" ]; then
    exit 0
fi
[ -w . ] ||
    stop "資料夾 $PWD 無法寫入，請將程式複製到可寫入的位置。" \
         "The folder $PWD cannot be written to: copy the checkout to a place you may write to."

began=$(date +%s)
rm -f .venv/.ready
if ! { .venv/bin/python -c "import sys; sys.exit(sys.prefix != '$PWD/.venv' or '%d.%d' % sys.version_info[:2] != '$version')" &&
       .venv/bin/python -m pip --version; } >/dev/null 2>&1; then
    rm -rf .venv
    "$python" -m venv .venv >/dev/null 2>&1 || {
        rm -rf .venv
        stop "無法建立虛擬環境。Debian／Ubuntu 請先安裝：apt-get install python$version-venv（或 python3-venv）；並確認磁碟空間。" \
             "The virtual environment cannot be made. On Debian/Ubuntu install python$version-venv (or python3-venv); check the free disk space."
    }
    echo "建立虛擬環境 .venv  virtual environment made ($(($(date +%s) - began)) s)"
fi
echo "安裝套件中，首次約需一分鐘  installing the pinned packages, about a minute the first time"
.venv/bin/python -m pip install -qq --disable-pip-version-check --no-input --require-hashes -r requirements/dev.txt ||
    stop "套件安裝失敗（原因見上）。請確認可連線至套件庫，再執行一次即可。" \
         "The packages could not be installed (see above). Check the way to the package registry and run this again."
# One file of 16 MB out of a wheel of 85; the wheel itself would want a plotting library.
fonts=.venv/share/muster/fonts
of=$(cksum < requirements/fonts.txt)
if [ "$(cat "$fonts/.of" 2>/dev/null || :)" != "$of" ]; then
    rm -rf "$fonts"
    mkdir -p "$fonts"
    .venv/bin/python -m pip download -qq --disable-pip-version-check --no-input --no-cache-dir --no-deps \
        --only-binary :all: --require-hashes -r requirements/fonts.txt -d "$fonts" ||
        stop "字型下載失敗（原因見上）。請確認可連線至套件庫，再執行一次即可。" \
             "The font could not be fetched (see above). Check the way to the package registry and run this again."
    .venv/bin/python - "$fonts" <<'PY'
import pathlib
import sys
import zipfile

folder = pathlib.Path(sys.argv[1])
for wheel in folder.glob("*.whl"):
    with zipfile.ZipFile(wheel) as archive:
        (folder / "NotoSansCJKsc-Regular.otf").write_bytes(archive.read("mplfonts/fonts/NotoSansCJKsc-Regular.otf"))
    wheel.unlink()
PY
    printf '%s\n' "$of" > "$fonts/.of"
fi
.venv/bin/python - <<'PY'
# What an editable install of every package would do, without building any.
import pathlib
import sysconfig

here = pathlib.Path.cwd()
sources = [here / "shared/src", here / "gateway/src", *sorted(here.glob("services/*/src")), here]
(pathlib.Path(sysconfig.get_path("purelib")) / "muster.pth").write_text("".join(f"{p}\n" for p in sources))
PY
printf '%s\n' "$stamp" > .venv/.ready
echo "安裝套件  pinned packages installed ($(($(date +%s) - began)) s)"

#!/bin/bash
# Everything that only a card can show, in one command and about ten minutes: installation, a small network, conformance,
# the tests of the device, and the benchmarks against PyTorch on the same card. What fails is told at the end; the rest
# goes on.
#
#   benchmarks/cuda.sh [FOLDER]      logs, reports and numbers go to FOLDER (default runs/cuda)
#
# From the environment, all optional:
#   PYTHON            Python 3.11 or newer, from which the environments are made (default python3)
#   LIMIT             seconds for all of it (default 600)
#   DEVICE            cuda, or cuda:1 and so on
#   STAGES            which of: install devices train benchmarks card sharing conformance tests
#   SELECT            conformance of these operations alone, as pytest's -k
#   WORKLOADS         these benchmarks alone; SMALL=1 runs them at the size of tests, to see that they run
#   TORCH_INDEX       the index of PyTorch's wheels, where its newest CUDA is too new for the driver
#   CANDELABRA_PYTHON, TORCH_PYTHON  Pythons that have the libraries already; nothing is installed then
#   TORCH_DEVICE      what PyTorch calls the device, where it is not the same
set -u

root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/runs/cuda}
python=${PYTHON:-python3}
limit=${LIMIT:-600}
device=${DEVICE:-cuda}
stages=${STAGES:-install devices train benchmarks card sharing conformance tests}
ours=${CANDELABRA_PYTHON:-}
theirs=${TORCH_PYTHON:-}
begun=$SECONDS
names=() codes=() times=() notes=()

# Asks the driver itself, since nothing is installed yet.
count_cards='
import ctypes, sys
try:
    driver = ctypes.CDLL("libcuda.so.1")
except OSError as error:
    sys.exit(f"no NVIDIA driver: {error}")
number = ctypes.c_int(0)
if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(number)) or not number.value:
    sys.exit("an NVIDIA driver, but no card that it can use")
print(f"{number.value} of NVIDIA'"'"'s cards")
'
find_device='
import sys
import candelabra as cb
try:
    print(cb.device(sys.argv[1]).resolved())
except cb.CandelabraError as error:
    sys.exit(str(error))
'

refuse() {
    echo "cuda.sh: $*" >&2
    exit 2
}

# Lets a Python that has candelabra find PyTorch where it is: behind what it has itself.
with_torch='
import site, sys
site.addsitedir(sys.argv[1])
import pytest
sys.exit(pytest.main(sys.argv[2:]))
'

# Of a log, the line that says most.
gist() {
    { grep -E '(passed|failed|error)[ ,]|Error: ' "$1" || tail -n 1 "$1"; } | tail -n 1
}

# stage NAME SECONDS COMMAND...: run a command for so long at most, and no longer than there is time.
stage() {
    local name=$1 most=$2 left=$((limit - (SECONDS - begun))) start=$SECONDS code=0
    shift 2
    case " $stages " in *" $name "*) ;; *) return 0 ;; esac
    ((most > left)) && most=$left
    names+=("$name")
    if ((most < 5)); then
        codes+=(125) times+=(0) notes+=("no time was left")
        return 0
    fi
    printf '%-12s at most %4d s … ' "$name" "$most"
    timeout --kill-after=15 "$most" "$@" >"$out/$name.log" 2>&1 </dev/null || code=$?
    codes+=("$code") times+=($((SECONDS - start)))
    case $code in
        0) notes+=("done") ;;
        124 | 130 | 137 | 143) notes+=("ran out of time: $(gist "$out/$name.log")") ;;
        *) notes+=("$(gist "$out/$name.log")") ;;
    esac
    echo "${notes[-1]}"
}

# shellcheck disable=SC2329 # a shell of its own calls it
install_ours() {
    "$python" -m venv "$out/venv" &&
        "$out/venv/bin/python" -m pip install -qq --upgrade pip &&
        "$out/venv/bin/python" "$root/.ci/build_wheel.py" "$root" "$out/wheels" &&
        "$out/venv/bin/python" -m pip install -qq pytest-xdist \
            "$(echo "$out"/wheels/candelabra-*.whl)[test,ecosystem,cuda,cudnn]" &&
        "$out/venv/bin/python" "$root/.ci/build_wheel.py" "$root/plugins/candelabra-strict" "$out/wheels" &&
        "$out/venv/bin/python" -m pip install -qq "$out"/wheels/candelabra_strict-*.whl
}

# An environment of its own: PyTorch brings CUDA libraries of other versions under the same names.
# shellcheck disable=SC2329
install_theirs() {
    "$python" -m venv "$out/torch" &&
        "$out/torch/bin/python" -m pip install -qq numpy torch ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} &&
        "$out/torch/bin/python" -c 'import torch; print(torch.__version__, torch.version.cuda); torch.zeros(1, device="cuda")'
}

command -v timeout >/dev/null || refuse "the command timeout (GNU coreutils) is needed"
"${ours:-$python}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    refuse "${ours:-$python} is not Python 3.11 or newer; PYTHON names another"
if [ -n "$ours" ]; then
    found=$("$ours" -c "$find_device" "$device" 2>&1) || refuse "no device $device: ${found##*$'\n'}"
else
    found=$("$python" -c "$count_cards" 2>&1) || refuse "no card: ${found##*$'\n'}"
fi
mkdir -p "$out" || refuse "cannot write to $out"
out=$(cd "$out" && pwd)
cd "$root" || exit 2
echo "$found; everything goes to $out"
if command -v nvidia-smi >/dev/null; then nvidia-smi >"$out/card.txt" 2>&1; fi

torch_install=
trap '[ -z "$torch_install" ] || kill "$torch_install" 2>/dev/null' EXIT
if [ -z "$ours" ]; then
    export python out root
    export -f install_ours install_theirs
    case " $stages " in *" install "*)
        if [ -z "$theirs" ]; then
            # Beside what follows; the benchmarks wait for it.
            timeout --kill-after=15 300 bash -c install_theirs >"$out/install-torch.log" 2>&1 </dev/null &
            torch_install=$!
        fi
        ;;
    esac
    stage install 200 bash -c install_ours
    ours=$out/venv/bin/python
fi
[ -x "$ours" ] || command -v "$ours" >/dev/null || refuse "there is no $ours; run the stage install first"
theirs=${theirs:-$out/torch/bin/python}
cores=$("$ours" -c 'import os; print(min(8, len(os.sched_getaffinity(0))))')
parallel=()
"$ours" -c 'import xdist' 2>/dev/null && parallel=(-n "$cores")

stage devices 40 "$ours" -m candelabra devices
stage train 60 "$ours" -m candelabra train digits --model cnn --epochs 3 --device "$device" --output "$out/digits"
# Before what loads the cores.
if [ -n "$torch_install" ]; then
    echo "waiting for PyTorch's installation …"
    wait "$torch_install"
    code=$?
    torch_install=
    names+=(install-torch) codes+=("$code") times+=(0) notes+=("$(gist "$out/install-torch.log")")
fi
options=(--device "$device" --rounds 5 --seconds 0.1 --patience 0.5 --json "$out/benchmarks.json" --torch-python "$theirs")
[ -n "${TORCH_DEVICE:-}" ] && options+=(--torch-device "$TORCH_DEVICE")
[ -n "${SMALL:-}" ] && options+=(--small)
# shellcheck disable=SC2086 # names of workloads, a word each
stage benchmarks 250 "$ours" -m benchmarks ${WORKLOADS:-} "${options[@]}"

stage card 60 "$ours" -m pytest tests/cuda/test_on_card.py tests/cuda/test_on_card_memory.py --device "$device" \
    -p no:cacheprovider --timeout 60
find_torch='import importlib.util as i, sysconfig; print(sysconfig.get_path("purelib") if i.find_spec("torch") else "")'
libraries=$("$theirs" -c "$find_torch" 2>/dev/null)
# A process of its own: both libraries bring CUDA's.
[ -n "$libraries" ] && stage sharing 60 "$ours" -c "$with_torch" "$libraries" tests/cuda/test_on_card.py -k pytorch \
    --device "$device" -p no:cacheprovider --timeout 60
stage conformance 150 "$ours" -m candelabra conformance "$device" --max-examples 1 ${SELECT:+-k "$SELECT"} \
    --json "$out/conformance.json" --html "$out/conformance.html" ${parallel[@]+"${parallel[@]}"}
stage tests "$limit" "$ours" -m pytest tests/unit tests/parity --device "$device" -m "not host" -p no:cacheprovider \
    --timeout 60 ${parallel[@]+"${parallel[@]}"}

failed=0
{
    printf '\n%-14s %5s %6s  %s\n' stage code s ""
    for i in "${!names[@]}"; do
        printf '%-14s %5d %6d  %s\n' "${names[i]}" "${codes[i]}" "${times[i]}" "${notes[i]:0:150}"
        ((codes[i])) && failed=1
    done
    printf '%d s of %d; everything lies in %s\n' $((SECONDS - begun)) "$limit" "$out"
} >"$out/summary.txt"
cat "$out/summary.txt"
exit "$failed"

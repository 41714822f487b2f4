#!/usr/bin/env python3
"""Instructions a document of parse, tokenize, schedule and write, counted by callgrind, against bench/instructions.json: more than
5 % above fails; more than 5 % below asks for an update. instructions.py --program bench_instructions --valgrind valgrind [--update]"""
import argparse, json, pathlib, re, subprocess, sys, tempfile

HERE = pathlib.Path(__file__).resolve().parent
BASELINE = HERE / "instructions.json"
TOKENIZER = HERE.parent / "tests/data/wordpiece_tokenizer.json"
TOLERANCE_PERCENT = 5


def run(program, valgrind, folder):
    """stage → documents; the dumps are in folder"""
    command = [valgrind, "--tool=callgrind", "--collect-atstart=no", "--compress-strings=no", f"--callgrind-out-file={folder}/out", program, str(TOKENIZER)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{program} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return {stage: int(documents) for stage, documents in (line.split() for line in done.stdout.splitlines())}


def counted(folder):
    """stage → instructions: each dump names its trigger, the stage"""
    out = {}
    for dump in pathlib.Path(folder).glob("out.*"):
        text = dump.read_text(errors="replace")
        trigger = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
        total = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
        if trigger and total:
            out[trigger.group(1)] = int(total.group(1))
    return out


def measure(program, valgrind):
    with tempfile.TemporaryDirectory() as folder:
        documents = run(program, valgrind, folder)
        instructions = counted(folder)
    if documents.keys() != instructions.keys() or not documents:
        sys.exit(f"stages run: {sorted(documents)}, counted: {sorted(instructions)}")
    return {stage: round(instructions[stage] / documents[stage]) for stage in documents}


def judge(measured, baseline):
    """prints a line a stage; whether one is too dear"""
    failed = False
    for stage in sorted(measured.keys() | baseline.keys()):
        now, then = measured.get(stage), baseline.get(stage)
        if now is None or then is None:
            print(f"FAIL    {stage:10} measured {now}, in {BASELINE.name} {then}: run with --update")
            failed = True
            continue
        change = 100 * (now - then)  # whole numbers, so that exactly 5 % is within
        verdict = "FAIL" if change > TOLERANCE_PERCENT * then else "UPDATE" if change < -TOLERANCE_PERCENT * then else "PASS"
        failed = failed or verdict == "FAIL"
        advice = "  cheaper than written down: run with --update, so that it stays so" if verdict == "UPDATE" else ""
        print(f"{verdict:7} {stage:10} {now:9} instructions a document, written down {then:9}, {change / then:+.1f} % (limit +{TOLERANCE_PERCENT} %){advice}")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True), parser.add_argument("--valgrind", default="valgrind")
    parser.add_argument("--update", action="store_true", help="write what was measured")
    options = parser.parse_args()
    measured = measure(options.program, options.valgrind)
    if options.update:
        BASELINE.write_text(json.dumps(measured, indent=2) + "\n")
    return 1 if judge(measured, json.loads(BASELINE.read_text())) else 0


if __name__ == "__main__":
    sys.exit(main())

"""Stage 3, the tokenizer: `python -m train.tokenizer --out FOLDER`.

A Unigram model in the T5 layout whose pieces are the words that captions use, plus single characters for all the rest.
Trained vocabularies split common words (35 tokens a caption); this one needs about 14.
"""

import argparse
import math
import re
from collections import Counter
from random import Random

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from render.captions import describe
from render.scene import sample_scene

SAMPLES = 20_000
MAX_TOKENS = 32
SPECIAL = ("<pad>", "</s>", "<unk>")
CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789!?'-:;\"()"
PUNCTUATION_SCORE, SPACE_SCORE, CHARACTER_SCORE = -3.0, -12.0, -14.0


def build_tokenizer() -> PreTrainedTokenizerFast:
    words = Counter(
        word for seed in range(SAMPLES) for word in re.findall(r"[a-z]+", describe(sample_scene(seed), Random(seed)).lower())
    )
    total = sum(words.values())
    ranked = sorted(words.items(), key=lambda item: (-item[1], item[0]))
    pieces = [(piece, 0.0) for piece in SPECIAL]
    pieces += [("▁" + word, math.log(count / total)) for word, count in ranked]
    pieces += [("▁", SPACE_SCORE)] + [(mark, PUNCTUATION_SCORE) for mark in ",."]
    pieces += [(character, CHARACTER_SCORE) for character in CHARACTERS]
    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=SPECIAL.index("<unk>")))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_max_length=MAX_TOKENS,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(options.out)
    lengths = [len(tokenizer(describe(sample_scene(seed), Random(seed))).input_ids) for seed in range(5000)]
    print(f"{len(tokenizer)} pieces; a caption takes {sum(lengths) / len(lengths):.1f} tokens, at most {max(lengths)}")
    if max(lengths) >= MAX_TOKENS:
        raise SystemExit(f"captions must leave one of {MAX_TOKENS} tokens free for padding")


if __name__ == "__main__":
    main()

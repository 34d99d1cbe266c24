"""Draws the pictures that README shows: the paper's Figures 1 to 4, and decay laws.

python tests/gallery/figures.py             all but Figure 3
python tests/gallery/figures.py NAME.png    one of them; figure_3.png takes some ten minutes
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

COMMANDS = {
    "figure_1.png": "eigs -a linear -a relu -a tanh -l 2 -l 5 --data digits.npy --isotropic 200,64 --top 100 "
    "--width 500 --parametrization standard",
    "figure_2.png": "evaluate -a relu --sigma-w2 max -T 10 -T 50 -l 2:4 --rho -1:1:201",
    "figure_3.png": "eigs -a linear -a relu -a tanh -l 2 -l 5 --data photographs.npy --isotropic 200,4800 --top 100 "
    "--width 100 --parametrization standard --arch cnn --image-shape 3,40,40 --memory 4G --trials 5",
    "figure_4.png": "eigs -a relu -a tanh -a gaussian --sphere-dim 2 --max-frequency 20 --sample 1000",
    "decay.png": "decay -a relu -a tanh -a gaussian -l 3",
}
LONG = "figure_3.png"


def main() -> None:
    """Draw them beside this script."""
    here = Path(__file__).parent.resolve()
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder, "digits.npy"), digits())
        np.save(Path(folder, "photographs.npy"), photographs())
        for name in sys.argv[1:] or [name for name in COMMANDS if name != LONG]:
            command = [sys.executable, "-m", "ntkcalc", *COMMANDS[name].split(), "-q", "--plot", str(here / name)]
            subprocess.run(command, check=True, cwd=folder)


def digits() -> np.ndarray:
    """Return 200 images of handwritten digits, 8 x 8, as rows."""
    from sklearn.datasets import load_digits

    return np.asarray(load_digits().data[:200])


def photographs(count: int = 200, side: int = 40) -> np.ndarray:
    """Return random parts of scikit-learn's two photographs, brought to one size as RandomResizedCrop does it.

    They stand for Caltech101: 8 to 100 % of a picture's area, sides in ratios from 3:4 to 4:3, values from 0 to 1.
    """
    from PIL import Image
    from sklearn.datasets import load_sample_images

    random, found = np.random.default_rng(0), []
    pictures = [Image.fromarray(picture) for picture in load_sample_images().images]
    while len(found) < count:
        picture = pictures[len(found) % 2]
        area = picture.width * picture.height * random.uniform(0.08, 1)
        ratio = np.exp(random.uniform(np.log(3 / 4), np.log(4 / 3)))
        width, height = (area * ratio) ** 0.5, (area / ratio) ** 0.5
        if width <= picture.width and height <= picture.height:
            left, top = random.uniform(0, picture.width - width), random.uniform(0, picture.height - height)
            box = left, top, left + width, top + height
            small = picture.resize((side, side), Image.Resampling.BILINEAR, box=box)
            found.append(np.asarray(small, dtype=np.float64).transpose(2, 0, 1) / 255)
    return np.array(found)


if __name__ == "__main__":
    main()

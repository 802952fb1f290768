"""The arrays that forecasts are made of."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Small = npt.NDArray[np.float32]

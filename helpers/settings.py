"""Every setting that changes a result, in one place, with its reason.

Two more choices stand where they are made: hidden layers start as He et al. (2015) advise, and a new
decoder paints the average digit (``models.hidden_layers``, ``models.Decoder``); both save epochs.
``experiments/README.md`` tells what was tried.
"""

LATENT_DIM = 12  # numbers for each digit; with 2, all chapters sample about equally badly
MAP_DIM = 2  # numbers of the models that can be drawn as a map
WIDTH = 384  # units of a hidden layer; wider ones learn more in an epoch, but less in a minute
MAP_WIDTH = 192  # the same for maps, whose weights travel with each page
ENCODER_DEPTH, DECODER_DEPTH = 2, 5  # hidden layers; a deep decoder samples better, a deep encoder does not

EPOCHS = 5  # some forty seconds on two cores
MAP_EPOCHS = 3  # of maps whose training is filmed: clusters have parted by then
SMALL_WIDTH, SMALL_EPOCHS = 256, 2  # of models that are only compared with each other
BATCH_SIZE = 256  # with 128, samples are no better and training takes longer
PEAK_LR = 4e-3  # the highest learning rate of the one-cycle schedule; high, since five epochs are few
MAP_PEAK_LR = 2e-3  # the same with two numbers, where chapter 4 sometimes diverges at 4e-3
WEIGHT_DECAY_BY_CHAPTER = {1: 0.0, 2: 0.3, 3: 0.0, 4: 0.0}  # without it chapter 2's springs gain nothing
FIXED_SIZE = 0.2  # of chapter 3's neighborhoods; it puts the codes where the random points are

EPILOGUE_DIM = 16  # numbers of the epilogue's autoencoder, which only has to copy well
PRICE = 0.3  # of energy and neighborhood size there: copies get sharp, and codes stay near the random points
FLOW_WIDTH, FLOW_DEPTH = 384, 5  # of the network that leads there; deeper is better for its time than wider
FLOW_EPOCHS, FLOW_BATCH_SIZE = 12, 512
STEPS = 20  # from a random point to a code
SHIPPED_EPILOGUE_WIDTH = 256  # of the autoencoder that ships there: both networks together have 3 MB

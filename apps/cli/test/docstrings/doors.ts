/**
 * What each door of core shows (docs/adr/0012). A name that is added goes to `ADDED`, with one line of reason: who looks for it
 * there, and under which name other libraries have it. One that goes, goes from these lists.
 */
export const FIRST: Readonly<Record<string, string>> = {
  '.': `
    Activation AdagradHyper AdamHyper AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d
    AdaptiveMaxPool2d AdaptiveMaxPool3d AffineOptions ArraySource AvgPool1d AvgPool2d AvgPool3d AvgPoolOptions
    Axes Backend BackendOption BaseHyper BaseModel BatchNorm1d BatchNorm2d BatchNorm3d BatchNormModuleOptions
    BatchNormOptions BceOptions BorderAmounts Callbacks ChannelNormOptions ChannelStatistics Checkpoint
    CheckpointError CheckpointStore ClassScores CompileOptions Compiled ConfigOf Conv1d Conv2d Conv3d
    ConvModuleOptions ConvOptions ConvTranspose1d ConvTranspose2d ConvTranspose3d ConvTransposeModuleOptions
    ConvTransposeOptions CosineLROptions CreateOptions CrossEntropyOptions CumsumOptions DType DataSource
    Dropout DropoutModuleOptions DropoutOptions ELU EpochRecord EvaluateOptions Evaluation ExponentialLROptions
    ExtractOptions FeatureCache FeatureCacheOptions FeatureStore FitData FitOptions Flatten FormatError GELU
    GeluOptions GlobalAvgPool1d GlobalAvgPool2d GlobalAvgPool3d GlobalMaxPool1d GlobalMaxPool2d GlobalMaxPool3d
    GlobalPoolOptions GlobalStatsPool1d GlobalStatsPool2d GlobalStatsPool3d GradCamOptions GraftError
    GridSampleOptions GroupNorm GroupOptions Hardsigmoid Hardswish Hardtanh History Identity IndexArray
    Initializer InstanceNorm KaimingOptions KernelError Labels LayerNorm LayerOptions LayerSummary Layout
    LayoutOption LeakyReLU Linear LocalResponseNormOptions LogSoftmax LossOptions MatmulOptions MaxPool1d
    MaxPool2d MaxPool3d MemoryCount Mish Module Monitor MultiStepLROptions NameError NamePattern NestedArray
    Nonlinearity NormOptions OneCycleLROptions Optimizer OptimizerEntry OutOfMemoryError PReLU PReluOptions
    PadAmounts Padding Parameter PerAxis PlateauOptions PlateauState PoolOptions Preprocess Progress Random ReLU
    ReLU6 Recipe ReduceOnPlateau ReduceOptions Reduction Residual ResidualOptions ResizeOptions RmspropHyper
    SavedTensor ScatterReduction Schedule Selector Sequential SgdHyper Shape ShapeError SiLU Sigmoid
    SmoothL1Options Softmax Softplus SqueezeExcite SqueezeExciteOptions Stage StateBuffer StateDict StateEntry
    StateError StepLROptions Subset Tanh Tensor TensorHolder TensorLike TensorSpec TensorValues TopKOptions
    TransferOptions TruncNormalOptions TypedArray UnsupportedError Upsample UpsampleOptions WeightOptions abs
    accuracy acos acosh adagrad adam adamW adaptiveAvgPool adaptiveMaxPool add arange argmax asin asinh atan
    atanh avgPool balancedAccuracy batchNorm bceWithLogits broadcastTo cast ceil classScores clip clipGradNorm
    clipGradValue compile concat confusionMatrix constantInit conv convTranspose cos cosh cosineLR crossEntropy
    cumsum div dropout einsum elu equal erf evaluate exp expandDims expm1 exponentialLR extractFeatures
    fineTuneRecipe fit flatten flip floor floorDivide fmod freeLost full gather gatherNd gelu getDefaultBackend
    globalAvgPool globalMaxPool globalStatsPool grad gradCam greater greaterEqual gridSample groupNorm
    hardsigmoid hardswish hardtanh headRecipe imageNetPreprocess index inputShape instanceNorm isTensor
    kaimingNormal kaimingUniform l1 layerNorm leakyRelu less lessEqual linear localResponseNorm log log1p
    logSoftmax logicalAnd logicalNot logicalOr lpPool majorityClass manualSeed matmul max maxPool maximum mean
    memory min minimum mish mse mul multiStepLR neg nll noGrad normalInit notEqual oneCycleLR oneHot ones
    onesInit pad padReflect padReplicate peakMemory pow predictedClasses prelu prod putAlongAxis randomNormal
    randomUniform receptiveField reciprocal reduceOnPlateau relu relu6 remainder reshape resize rmsprop round
    rsqrt sameShape scatterNd scope scratchRecipe select setDefaultBackend sgd showShape sigmoid sign silu sin
    sinh sizeOf slice smoothL1 softmax softplus split sqrt squeeze stack stagesOf stepLR sub sum summarize
    takeAlongAxis tan tanh tensor topK topKAccuracy transfer transpose truncDivide truncNormal uniformInit
    valueAndGrad variance version vjp warmup withRandom xavierNormal xavierUniform zeros zerosInit
  `,
  './backend': `
    ARRAYS ActivationGeometry AvgPoolAttrs Backend BackendMemory BatchNormAttrs BinaryKind CheckpointError
    CompareKind CompositeNode ConvAttrs ConvProblem CorrelationRows DTYPES DType DeferredFailures ElementArray
    Executable FormatError FusedActivation FusedAttrs FusedInputs FusedKernel FusedKernels FusedName
    FusedOutputs GraftError Graph GraphNode Grid Kernel KernelError Kernels Layout LruCache LruCacheOptions
    NameError NoAttrs OpAttrs OpInputs OpName Operand OutOfMemoryError PoolAttrs PrimitiveNode ReduceKind
    ReducePlan Shape ShapeError StateError TensorSpec Triple TypedArray UnaryKind UnsupportedError VectorAccess
    VectorOperand VectorWalk Walk WindowAttrs WindowGeometry activationGeometry averageDivisors bfloat16ToNumber
    broadcastStrides bytesOf collapse convProblem convertInto converted countedTaps decodeBfloat16 decodeFloat16
    deferredKernelError dot encodeBfloat16 encodeFloat16 fillOfEmptyInputs float16ToNumber float32 forEachOuter
    forwardGrid forwardRows inputGradGrids inputGradRows inputsOf isComposite multiplyTriples
    numberToBfloat16 numberToFloat16 offsetsOf outputsOf positions product reducePlan relieve
    sameShape showShape sizeOf stridesOf triple vectorWalk widen windowGeometry
  `,
  './extend': `
    AbortSignalLike BatchObserver Cell CompositeHead ConvAffineOptions Feed Field FieldTracer FrozenPrefix
    FusedComposite LayerClass Member MovingStatistics OpDefinition Recorded Recorder Runner Scorer Snapshot
    StageRange Taps Traced Vjp VjpContext addBias avgPoolGradOp avgPoolOp batchObserver binaryOp broadcastToOp
    castOp compareOp composite concatOp convAffine convBias convInputGradOp convOp convTransposeBias
    convWeightGradOp cubicWeights currentRandom customVjp defaultBiasInit defaultWeightInit evaluating fans
    featureShape forwardStages freeEarly fusedComposites gain gatherOp hostEffect hostTensor initParameter
    interpret layers lift majorityWarning matchesName matmulOp maxPoolGradOp maxPoolOp nearest open padOp
    parsePreprocess prefixMessage primitives reduceOp resampleAxis reshapeOp resolveConv resolveConvTranspose
    runChain runStages scatterAddOp scorer selectOp sliceOp stageRange standardize storedAffine suggestion sumTo
    trace transposeOp unaryOp unknownName wantLabels wantModule withMessage withRecorders withRunner
    yieldToEventLoop zerosBehind
  `,
};

/** By door and name: the reason. */
export const ADDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '.': {
    pixelShuffle: 'sub-pixel upsampling: PyTorch has it as pixel_shuffle, TensorFlow as depth_to_space',
    pixelUnshuffle: 'its inverse, pixel_unshuffle and space_to_depth',
    PixelShuffleOptions: 'the options of both',
    PixelShuffle: 'the layer; torch.nn.PixelShuffle',
    PixelUnshuffle: 'the layer; torch.nn.PixelUnshuffle',
    argsort: 'positions in order: torch.argsort, numpy.argsort',
    sort: 'values in order, and where they were: torch.sort',
    SortOptions: 'the options of both',
    trunc: 'the integer part: torch.trunc, numpy.trunc',
  },
  './extend': {
    resolvePadding: 'readers of files resolve the words for padding, same and same-lower, as core does',
  },
};

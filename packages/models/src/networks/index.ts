/** Every network of this package: a new one is a file and a line here. `networks` has the records that are in them. */
export * from './coco-mobilenet-v3.ts';
export * from './mobilenet-v2.ts';
export * from './resnet.ts';
export * from './small-cnn.ts';
export * from './squeezenet.ts';

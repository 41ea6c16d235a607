import { type DescFile, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { Health } from '@tally/proto/grpc/health';

import type { BoundService } from './handler.ts';

/** Lets tools such as grpcurl ask the server for its services and messages. */
export function addReflection(server: Server, services: readonly BoundService[]): void {
  const files = new Map<string, Buffer>();
  // The descriptor that comes with the health package leaves type names unqualified, on which strict tools give up.
  for (const desc of [...services.map((service) => service.desc), Health]) collect(desc.file, files);
  const fileDescriptorProtos = [...files.values()];
  // It wants a package definition as proto-loader makes it, of which it reads these files only.
  const everything = { format: 'Protocol Buffer 3 DescriptorProto', type: {}, fileDescriptorProtos } as const;
  new ReflectionService({ all: everything }).addToServer(server);
}

function collect(file: DescFile, into: Map<string, Buffer>): void {
  if (into.has(file.proto.name)) return;
  into.set(file.proto.name, Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  for (const dependency of file.dependencies) collect(dependency, into);
}
